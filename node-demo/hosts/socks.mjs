// A host that goes through a SOCKS proxy (RFC 1928), by the npm package socks.
import { SocksClient } from 'socks';
import { socketOf } from 'sansmtp/host/node';

/** @param url The proxy, such as `socks5://user:password@proxy.example.com:1080`; `socks4:` for version 4. */
export function socksHost(url) {
  const { protocol, hostname, port, username, password } = new URL(url);
  const proxy = {
    host: hostname, port: Number(port || 1080), type: protocol === 'socks4:' ? 4 : 5,
    ...(username === '' ? {} : { userId: decodeURIComponent(username), password: decodeURIComponent(password) }),
  };
  return {
    async connect(options) {
      const { socket } = await SocksClient.createConnection({ proxy, command: 'connect', destination: { host: options.hostname, port: options.port } });
      if (options.signal.aborted) {
        socket.destroy();
        throw Object.assign(new Error('cancelled'), { code: 'EABORT' });
      }
      return socketOf(socket.setNoDelay(), options);
    },
  };
}
