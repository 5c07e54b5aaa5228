/** The protocol without I/O, for a host with I/O of its own. */
export { SmtpSessionError } from './errors.js';
export type * from './events.js';
export type { SmtpChannelBinding } from './host.js';
export { saslprep } from './saslprep.js';
export {
  SmtpAuthType,
  SmtpConnectType,
  SmtpServer,
  type SmtpMechanism,
  type SmtpMechanismContext,
  type SmtpTlsOptions,
  type SmtpTokenProvider,
} from './server.js';
export { useModule } from './module.js';
export {
  SmtpSession,
  type SmtpBodyPlan,
  type SmtpEnvelope,
  type SmtpMailParameters,
  type SmtpRcptParameters,
  type SmtpRecipient,
  type SmtpSessionOptions,
} from './session.js';
