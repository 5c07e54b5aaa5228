// A host that reaches its server by a unix socket, as a mail server on the same machine may offer one.
import { once } from 'node:events';
import { connect } from 'node:net';
import { socketOf } from 'sansmtp/host/node';

/** @param path Where the socket is; the server's name is used for TLS alone. */
export function unixHost(path) {
  return {
    async connect(options) {
      const { signal } = options;
      signal.throwIfAborted();
      const socket = connect(path);
      const abort = () => socket.destroy(new Error('cancelled'));
      signal.addEventListener('abort', abort);
      try {
        await once(socket, 'connect');
        return socketOf(socket, options);
      } finally {
        signal.removeEventListener('abort', abort);
      }
    },
  };
}
