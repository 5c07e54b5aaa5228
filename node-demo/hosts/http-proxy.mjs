// A host that goes through an HTTP proxy, by CONNECT (RFC 9110 §9.3.6). TLS is with the mail server; with the proxy too if its
// URL begins with https:.
import { request as requestHttp } from 'node:http';
import { request as requestHttps } from 'node:https';
import { socketOf } from 'sansmtp/host/node';

const REQUESTS = { 'http:': requestHttp, 'https:': requestHttps };

/** @param url The proxy, such as `http://user:password@proxy.example.com:3128`. */
export function httpProxyHost(url) {
  const { protocol, hostname, port, username, password } = new URL(url);
  const request = REQUESTS[protocol];
  if (!request) throw new Error(`an HTTP proxy is http: or https:, not ${protocol}`);
  const host = hostname.replace(/^\[(.*)\]$/, '$1');
  const login = `${decodeURIComponent(username)}:${decodeURIComponent(password)}`;
  const headers = username === '' ? {} : { 'proxy-authorization': `Basic ${Buffer.from(login).toString('base64')}` };
  return {
    connect: (options) =>
      new Promise((resolve, reject) => {
        const failed = (why, cause) => reject(new Error(`the proxy ${hostname} ${why}`, { cause }));
        const target = options.hostname.includes(':') ? `[${options.hostname}]` : options.hostname;
        const asked = request({ host, ...(port ? { port } : {}), method: 'CONNECT', path: `${target}:${options.port}`, headers, signal: options.signal });
        asked.on('error', (error) => failed(`cannot be reached: ${error.message}`, error));
        asked.on('response', ({ statusCode, statusMessage }) => {
          asked.destroy();
          failed(`answered ${statusCode} ${statusMessage}`);
        });
        asked.on('connect', ({ statusCode, statusMessage }, socket, head) => {
          if (statusCode !== 200) {
            socket.destroy();
            return failed(`answered ${statusCode} ${statusMessage}`);
          }
          try {
            // What the mail server said already.
            if (head.length > 0) socket.unshift(head);
            socket.setNoDelay?.();
            resolve(socketOf(socket, options));
          } catch (error) {
            reject(error);
          }
        });
        asked.end();
      }),
  };
}
