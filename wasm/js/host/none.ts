import type { SmtpHost } from '../host.js';

/** For a runtime that the package has no host for: says so instead of failing somewhere else. */
export const host: SmtpHost = {
  connect() {
    return Promise.reject(
      new Error('sansmtp has no sockets for this runtime: give SmtpClient a host, { host }; in a browser one that webSocketHost of sansmtp/host/websocket makes'),
    );
  },
};
