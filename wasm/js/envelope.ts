import { addressOf, wrongAddress, type MailAddress } from './address.js';
import type { SmtpMail } from './mail.js';
import type { SmtpEnvelope } from './session.js';

/** Notifications of delivery (RFC 3461), for a server that offers DSN. */
export interface SmtpDeliveryNotification {
  /** What to tell the sender of: `NEVER`, or some of `SUCCESS`, `FAILURE`, `DELAY`. */
  notify?: string | readonly string[];
  /** The same for some recipients, by their addresses. */
  recipients?: Readonly<Record<string, string | readonly string[]>>;
  /** What a notification of failure has: the whole message, or its header. */
  return?: 'FULL' | 'HDRS';
  /** A name for the message, which notifications repeat: 1 to 100 characters of ASCII. */
  envelopeId?: string;
}

/**
 * @internal Who gets a mail, where bounces go, and what is asked for (RFC 3461 §4). `returnPath`: what the mail itself says,
 * before the settings of the server.
 */
export function envelopeOf(mail: SmtpMail, sender: MailAddress | undefined, recipients: readonly MailAddress[]): { envelope: SmtpEnvelope; returnPath: string | undefined } {
  const { from, to: given } = mail.envelope ?? {};
  const to = [...new Set(given?.map((address) => addressOf('envelope.to', address)) ?? recipients.map(({ address }) => address))];
  if (to.length === 0) throw wrongAddress('The mail has no recipient: set to, cc or bcc.', 'recipient');
  const [member, path] = from === undefined ? (['returnPath', mail.returnPath] as const) : (['envelope.from', from || '<>'] as const);
  const returnPath = path === '' ? undefined : path === '<>' ? '' : addressOf(member, path);
  const { asked, parameters } = notification(mail.deliveryNotification, to);
  return {
    envelope: {
      from: sender?.address ?? '',
      to: to.map((address) => {
        const NOTIFY = asked(address);
        return NOTIFY === undefined ? address : { address, parameters: { NOTIFY } };
      }),
      parameters: { ...mail.parameters, ...parameters },
    },
    returnPath,
  };
}

/** What is asked for of each recipient, and of the message. */
function notification(given: SmtpDeliveryNotification, to: readonly string[]): { asked: (address: string) => string | undefined; parameters: Record<string, string> } {
  const { notify, recipients = {}, return: content, envelopeId, ...unknown } = given;
  for (const name of Object.keys(unknown)) throw wrong(`${name} is not part of deliveryNotification; there are notify, recipients, return, envelopeId.`);
  if (typeof recipients !== 'object' || recipients === null) throw wrong('deliveryNotification.recipients must be an object of addresses, and what to notify of for each.');
  for (const address of Object.keys(recipients)) {
    if (!to.includes(address)) throw wrong(`deliveryNotification names ${address}, which is no recipient of the mail.`);
  }
  if (content !== undefined && content !== 'FULL' && content !== 'HDRS') throw wrong('return of a notification must be FULL or HDRS.');
  if (envelopeId !== undefined && (typeof envelopeId !== 'string' || !/^[\x20-\x7e]{1,100}$/.test(envelopeId))) {
    throw wrong('envelopeId of a notification must be 1 to 100 characters of ASCII.');
  }
  const usual = notify === undefined ? undefined : wordsOf(notify);
  const own = new Map(Object.entries(recipients).map(([address, words]) => [address, wordsOf(words)]));
  return {
    asked: (address) => own.get(address) ?? usual,
    parameters: { ...(content === undefined ? {} : { RET: content }), ...(envelopeId === undefined ? {} : { ENVID: envelopeId }) },
  };
}

/** What to notify of, as the parameter has it. */
function wordsOf(given: string | readonly string[]): string {
  const words = ([given].flat() as unknown[]).flatMap((word) => (typeof word === 'string' ? word : '').toUpperCase().split(',')).map((word) => word.trim());
  const isOne = (word: string): boolean => word === 'SUCCESS' || word === 'FAILURE' || word === 'DELAY';
  const isRight = words.length > 0 && new Set(words).size === words.length && (words.every(isOne) || words.join() === 'NEVER');
  if (!isRight) throw wrong('notify must be NEVER, or some of SUCCESS, FAILURE and DELAY.');
  return words.join(',');
}

function wrong(message: string): ReturnType<typeof wrongAddress> {
  return wrongAddress(message, 'message');
}
