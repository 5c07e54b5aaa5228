// A host that goes through an HTTP proxy, by CONNECT (RFC 9110 §9.3.6). TLS is with the mail server, not with the proxy.
import { request } from 'node:http';
import { socketOf } from 'sansmtp/host/node';

/** @param url The proxy, such as `http://user:password@proxy.example.com:3128`. */
export function httpProxyHost(url) {
  const { hostname: host, port, username, password } = new URL(url);
  const login = `${decodeURIComponent(username)}:${decodeURIComponent(password)}`;
  const headers = username === '' ? {} : { 'proxy-authorization': `Basic ${Buffer.from(login).toString('base64')}` };
  return {
    connect: (options) =>
      new Promise((resolve, reject) => {
        const target = options.hostname.includes(':') ? `[${options.hostname}]` : options.hostname;
        const asked = request({ host, port: port || 80, method: 'CONNECT', path: `${target}:${options.port}`, headers, signal: options.signal });
        asked.on('error', reject);
        asked.on('response', ({ statusCode, statusMessage }) => {
          asked.destroy();
          reject(new Error(`the proxy ${host} answered ${statusCode} ${statusMessage}`));
        });
        asked.on('connect', ({ statusCode, statusMessage }, socket, head) => {
          if (statusCode !== 200) {
            socket.destroy();
            return reject(new Error(`the proxy ${host} answered ${statusCode} ${statusMessage}`));
          }
          // What the mail server said already.
          if (head.length > 0) socket.unshift(head);
          resolve(socketOf(socket.setNoDelay(), options));
        });
        asked.end();
      }),
  };
}
