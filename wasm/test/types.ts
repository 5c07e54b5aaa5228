// Compiled by `npm run check` against the package as it would be published.
import {
  AddressCollection, createTransport, MailAddress, SmtpAuthType, SmtpClient, SmtpConnectType, SmtpError, SmtpMail, SmtpServer, type SmtpAttachment,
  type SmtpConnectionResult, type SmtpHost, type SmtpMechanism, type SmtpMessageSource, type SmtpSendResult, type SmtpTransportInfo,
} from 'sansmtp';
import { SmtpSession, type SmtpEnvelope, type SmtpEvent } from 'sansmtp/core';
import { host, messageFile } from 'sansmtp/host/node';
import { sansmtp, type NodemailerTransport } from 'sansmtp/nodemailer';
import { dryRun, TestServer, type DryRun } from 'sansmtp/testing';

const server = new SmtpServer('mail.example.com 587');
server.connectType = SmtpConnectType.connectSTARTTLS;
server.authType = SmtpAuthType.authAuto;
server.tls = { ca: '…', minVersion: 'TLSv1.3' };
server.token = async ({ user, refused, signal }) => fetchToken(user, refused, signal);
const own: SmtpMechanism = {
  name: 'X-OWN',
  start: ({ channelBindings, password }) => channelBindings[0]?.data ?? new TextEncoder().encode(password),
  step: async (challenge) => challenge,
  finish: () => true,
};
server.mechanism = () => own;
server.authMechanisms = ['SCRAM-SHA-256', 'PLAIN'];

declare function fetchToken(user: string, refused: boolean, signal: AbortSignal): Promise<string>;

export async function verify(): Promise<string | undefined> {
  const { security, settings }: SmtpConnectionResult = await new SmtpClient().verifyAsync(server, { timeout: 5000 });
  return security.mechanism ?? settings.authType;
}

const mail = new SmtpMail();
mail.from = 'ann@example.com';
mail.to = 'bob@example.org';
mail.cc = [new MailAddress('Kim', 'kim@example.org'), 'c@example.org'];
mail.bcc = new AddressCollection('d@example.org, e@example.org');
mail.priority = 'high';
mail.deliveryNotification = { notify: ['SUCCESS', 'FAILURE'], return: 'HDRS' };
mail.parameters = { REQUIRETLS: true, HOLDFOR: 60 };
mail.headers.add('X-Own', 'yes');
mail.alternatives.push({ contentType: 'text/calendar; method=REQUEST', content: 'BEGIN:VCALENDAR' });
const attachment: SmtpAttachment = mail.addAttachment('a.txt', 'text', { cid: 'a', disposition: 'inline' });
console.log(attachment.contentType, mail.attachments.length);
// @ts-expect-error: there is no such priority
mail.priority = 'urgent';
// @ts-expect-error: only text, octets and what gives them
mail.addAttachment('a', 7);

export async function attach(): Promise<void> {
  await mail.addAttachmentAsync('report.pdf');
  await mail.addAttachmentAsync(new URL('https://example.com/a.png'), { contentType: 'image/png' });
}

export async function send(own: SmtpHost): Promise<string[]> {
  const client = new SmtpClient({ host: own });
  const sending = client.sendMailAsync(server, mail, { signal: AbortSignal.timeout(1000) });
  sending.cancel();
  try {
    const result: SmtpSendResult = await sending;
    return result.accepted;
  } catch (error) {
    if (error instanceof SmtpError && error.outcome === 'unknown') return [error.messageId ?? ''];
    throw error;
  }
}

export function drive(session: SmtpSession, octets: Uint8Array): void {
  session.handleInput(octets);
  for (const event of session.pollEvents()) handle(session, event);
}

function handle(session: SmtpSession, event: SmtpEvent): void {
  switch (event.type) {
    case 'recipient':
      console.log(event.index, event.verdict, event.reply.enhanced?.length);
      break;
    case 'authNeeds':
      if (event.needs.step === 'response') session.authSupply({ step: 'response', response: event.needs.challenge });
      if (event.needs.step === 'token') session.authSupply({ step: 'token', token: event.needs.refused ? 'b' : 'a' });
      if (event.needs.step === 'derivedKey') session.authSupply({ step: 'derivedKey', key: new Uint8Array(event.needs.length) });
      break;
    case 'failed':
      if (event.failure.cause.kind === 'mechanism') console.log(event.failure.cause.offered.join());
      break;
    default:
      // @ts-expect-error: not every event has an index
      console.log(event.index);
  }
}

// @ts-expect-error: a host needs `connect`
export const wrong: SmtpHost = {};
export const right: SmtpHost = host;
// @ts-expect-error: SSL 3.0 is not to be had
server.tls.minVersion = 'SSLv3';

export function ask(session: SmtpSession): number {
  const envelope: SmtpEnvelope = {
    from: 'ann@example.com',
    to: ['bob@example.org', { address: 'kim@example.org', parameters: { NOTIFY: 'SUCCESS,DELAY' } }],
    parameters: { RET: 'HDRS', ENVID: 'order 7', REQUIRETLS: true, 'MT-PRIORITY': -3, 'X-OWN': 'a' },
  };
  session.verifyRecipients(envelope);
  session.custom('ETRN example.com');
  const operation = session.send(envelope, { content: 'binary', lineEnds: 'canonical', transfer: 'bdat', once: true });
  if (session.bodyChunk(operation, 1000, true)) session.transmitting(session.bodyDue()?.length ?? 0);
  return session.flightInto(new Uint8Array(1024));
}

export async function large(path: string): Promise<void> {
  const source: SmtpMessageSource = await messageFile(path);
  for (const message of [source, 'text', new Blob(['text']), new Blob(['text']).stream(), { open: () => [new Uint8Array()] }]) mail.message = message;
  server.lmtp = true;
  server.pipelining = 'withinMessage';
  server.chunkSize = 1 << 20;
  server.xclient = 'NAME=host.example';
}

export async function dry(): Promise<string[]> {
  const run: DryRun = await dryRun(mail, server, { now: () => 0, random: (length) => new Uint8Array(length) });
  const test = new TestServer({ capabilities: ['PIPELINING'], reply: (command) => (command === 'DATA' ? null : undefined) });
  return [...run.commands, ...test.commands, ...test.messages.map(({ text }) => text)];
}

const transport = createTransport({ host: 'mail.example.com', pool: true, auth: { user: 'a', accessToken: async ({ user }) => user } }, { from: 'ann@example.com' });
export async function transported(): Promise<string[]> {
  const info: SmtpTransportInfo = await transport.sendMail({
    to: [{ name: 'Bob', address: 'bob@example.org' }, 'c@example.org'],
    text: 'Hi.',
    html: { path: 'hi.html' },
    attachments: [{ filename: 'a.txt', content: 'x' }, { path: new URL('https://example.com/a.png'), cid: 'a' }],
    list: { unsubscribe: 'https://example.com/u' },
  });
  transport.sendMail({ to: 'bob@example.org' }, (error, info) => console.log(error?.code, info?.response));
  // @ts-expect-error: there is no such field
  await transport.sendMail({ subjet: 'x' });
  // @ts-expect-error: there is no such option
  createTransport({ hots: 'x' });
  const plugged: NodemailerTransport = sansmtp('smtps://mail.example.com');
  await using closed = transport;
  return [...info.accepted, plugged.name, String(closed.isIdle())];
}
