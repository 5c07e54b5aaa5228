/** What a session tells its host: the shapes of the core's events. */

/** A reply of the server. */
export interface SmtpReply {
  /** The three digits, as a number. */
  code: number;
  /** The enhanced status code, such as `5.7.8`. */
  enhanced: string | null;
  /** The text, lines joined by `\n`, without codes, safe to print, secrets replaced by `***`. */
  text: string;
  /** Whether the text was longer than 4 KiB. */
  truncated: boolean;
}

/** Where in the session something happened. */
export type SmtpStage =
  | 'connect'
  | 'greeting'
  | 'hello'
  | 'tls'
  | 'auth'
  | 'sender'
  | 'recipients'
  | 'data'
  | 'command'
  | 'quit';

/** What is known of a message that was not reported as delivered. */
export type SmtpOutcome = 'permanent' | 'temporary' | 'unknown';

/** How much of a message was handed to the transport. */
export type SmtpDataSent = 'none' | 'partial' | 'all';

/** Why an operation, or the session, did not succeed. */
export interface SmtpFailure {
  stage: Exclude<SmtpStage, 'connect'>;
  outcome: SmtpOutcome;
  dataSent: SmtpDataSent;
  cause:
    | { kind: 'error'; error: { class: string; kind?: unknown; message: string } }
    | { kind: 'mechanism'; allowed: string[]; offered: string[] }
    | { kind: 'refused' }
    | { kind: 'tls'; code: string; text: string }
    | { kind: 'token'; answer: string };
  /** The reply that refused, or the last one that may explain it. */
  reply: SmtpReply | null;
}

/** What a login needs next of the host. */
export type SmtpAuthNeeds =
  | { step: 'initialResponse' }
  | { step: 'response'; challenge: Uint8Array }
  | { step: 'finish' }
  /** The token of a login by `tokenProvider`; `refused`: the server refused the one before. */
  | { step: 'token'; refused: boolean }
  /** PBKDF2 of the password in its {@link saslprep} form: see `deriveAbove`. */
  | { step: 'derivedKey'; hash: 'SHA-1' | 'SHA-256' | 'SHA-512'; salt: Uint8Array; iterations: number; length: number };

/** The host's answer to {@link SmtpAuthNeeds}. */
export type SmtpAuthAnswer =
  | { step: 'initialResponse'; response?: Uint8Array }
  | { step: 'response'; response: Uint8Array }
  | { step: 'finish'; ok: boolean }
  | { step: 'token'; token: string }
  | { step: 'derivedKey'; key: Uint8Array }
  | { step: 'cancel' };

/** What happened, or what the host has to do. `operation` is what the call returned that it belongs to. */
export type SmtpEvent =
  | { type: 'answer'; operation: number; reply: SmtpReply }
  | { type: 'authenticated'; mechanism: string; encrypted: boolean }
  | { type: 'authNeeds'; mechanism: string; needs: SmtpAuthNeeds }
  | { type: 'closed' }
  | { type: 'delivered'; operation: number; reply: SmtpReply }
  | {
      /** What became of the message for one recipient: under LMTP, and when it went out in several transactions. */
      type: 'delivery';
      operation: number;
      index: number;
      /** `unknown`: the message went out to its end and no answer came. */
      verdict: 'accepted' | SmtpOutcome;
      /** `null`: the session ended without an answer. */
      reply: SmtpReply | null;
    }
  | { type: 'failed'; operation: number | null; failure: SmtpFailure }
  | { type: 'greeting'; reply: SmtpReply }
  | { type: 'ready' }
  | {
      type: 'recipient';
      operation: number;
      /** Which recipient, counted from 0 in the envelope's order. */
      index: number;
      verdict: 'accepted' | 'permanent' | 'temporary';
      reply: SmtpReply;
    }
  /** The message is due, from its start. `chunked`: it goes out by BDAT. */
  | { type: 'sendBody'; operation: number; chunked: boolean }
  | { type: 'sender'; operation: number; reply: SmtpReply }
  | { type: 'serverClosing'; reply: SmtpReply }
  | { type: 'startTls' }
  | { type: 'tlsDowngraded'; reply: SmtpReply | null };
