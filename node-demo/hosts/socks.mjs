// A host that goes through a SOCKS proxy (RFC 1928), by the npm package socks.
import { once } from 'node:events';
import { connect } from 'node:net';
import { SocksClient } from 'socks';
import { socketOf } from 'sansmtp/host/node';

/** @param url The proxy, such as `socks5://user:password@proxy.example.com:1080`; `socks4:` for version 4. */
export function socksHost(url) {
  const { protocol, hostname, port, username, password } = new URL(url);
  const host = hostname.replace(/^\[(.*)\]$/, '$1');
  const proxy = {
    host, port: Number(port || 1080), type: protocol === 'socks4:' ? 4 : 5,
    ...(username === '' ? {} : { userId: decodeURIComponent(username), password: decodeURIComponent(password) }),
  };
  return {
    async connect(options) {
      const { signal } = options;
      signal.throwIfAborted();
      // Opened here, so that it can be closed when the mail is given up.
      const socket = connect({ host, port: proxy.port, noDelay: true });
      const abort = () => socket.destroy(new Error('cancelled'));
      signal.addEventListener('abort', abort);
      try {
        await once(socket, 'connect');
        const destination = { host: options.hostname, port: options.port };
        await SocksClient.createConnection({ proxy, command: 'connect', destination, existing_socket: socket });
        return socketOf(socket, options);
      } catch (error) {
        socket.destroy();
        throw new Error(`the proxy ${hostname}: ${error.message}`, { cause: error });
      } finally {
        signal.removeEventListener('abort', abort);
      }
    },
  };
}
