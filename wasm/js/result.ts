/** What became of a mail, of its recipients, of a connection. */
import { addressesIn, type Connection, type Delivery, type SmtpSecurity } from './connection.js';
import { errorOfRecipient, type SmtpError, type SmtpRecipientResult } from './errors.js';
import type { SmtpChoice } from './server.js';
import type { SmtpEnvelope } from './session.js';

/** A connection that stood, and how. */
export interface SmtpConnectionResult {
  /** How the connection was protected, and by which mechanism the login went. */
  security: SmtpSecurity;
  /** The settings in effect, never the password; `choices` are those that were not given. */
  settings: {
    server: string;
    port: number;
    connection: string;
    authType: string | undefined;
    user: string | null;
    choices: SmtpChoice[];
  };
}

/** What a server said of recipients. */
export interface SmtpRecipientsResult extends SmtpConnectionResult {
  /** The recipients that were accepted. */
  accepted: string[];
  /** The recipients that were refused. */
  rejected: string[];
  /** Why each was refused. */
  rejectedErrors: SmtpError[];
  /** Each recipient's result, in order. */
  recipients: SmtpRecipientResult[];
  envelope: { from: string; to: string[] };
}

/** A mail that at least one recipient's server took. */
export interface SmtpSendResult extends SmtpRecipientsResult {
  /** The server's last reply. */
  response: string;
  messageId: string | undefined;
}

/** @internal */
export function recipientsOf(connection: Connection, envelope: SmtpEnvelope, { recipients }: Delivery): SmtpRecipientsResult {
  const refused = recipients.filter((recipient) => !recipient.accepted);
  return {
    ...describe(connection),
    accepted: recipients.filter((recipient) => recipient.accepted).map((recipient) => recipient.address),
    rejected: refused.map((recipient) => recipient.address),
    rejectedErrors: refused.map((recipient) => errorOfRecipient(connection.resolved.host, recipient)),
    recipients,
    envelope: { from: envelope.from, to: addressesIn(envelope) },
  };
}

/** @internal */
export function describe({ resolved, security }: Connection): SmtpConnectionResult {
  return {
    security: { ...security },
    settings: {
      server: resolved.host,
      port: resolved.port,
      connection: security.encrypted ? (resolved.tls === 'implicit' ? 'TLS from the first octet' : 'STARTTLS') : 'in clear',
      authType: security.mechanism,
      user: resolved.user,
      choices: resolved.choices,
    },
  };
}
