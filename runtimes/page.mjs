// The cases in a page of a browser, by a bridge.
import { SmtpClient, SmtpMail, SmtpServer } from 'sansmtp';
import { webSocketHost } from 'sansmtp/host/websocket';
import { conformance } from './conformance.mjs';

globalThis.run = (settings, url) => conformance(settings, webSocketHost({ url, kind: 'tls' }));
/** One mail, for a page that may not compile; or why it is not sent. */
globalThis.once = async (url) => {
  try {
    const mail = Object.assign(new SmtpMail(), { from: 'a@b.example', to: 'c@d.example', textBody: 'x' });
    await new SmtpClient({ host: webSocketHost({ url, kind: 'tls' }) }).sendMailAsync(new SmtpServer('localhost'), mail);
    return 'sent';
  } catch (error) {
    return error.message;
  }
};
