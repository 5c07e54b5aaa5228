/** Sends mail over SMTP, on the runtime's own sockets and TLS. */
export {
  SmtpClient,
  SmtpProgressEvent,
  type SmtpClientOptions,
  type SmtpConnectionResult,
  type SmtpRecipientsResult,
  type SmtpSending,
  type SmtpSendOptions,
  type SmtpSendResult,
} from './client.js';
export type { SmtpSecurity } from './connection.js';
export type { SmtpDkim } from './dkim.js';
export {
  SmtpError,
  SmtpSessionError,
  type SmtpErrorCode,
  type SmtpErrorDetails,
  type SmtpOrigin,
  type SmtpRecipientResult,
} from './errors.js';
export type { SmtpDataSent, SmtpOutcome, SmtpReply, SmtpStage } from './events.js';
export type { SmtpChannelBinding, SmtpConnectOptions, SmtpHost, SmtpSocket, SmtpTlsInfo } from './host.js';
export { AddressCollection, MailAddress, type AddressInput } from './address.js';
export { SmtpAttachment, type SmtpAttachmentOptions } from './attachment.js';
export { SmtpHeaders, SmtpMail, type SmtpDeliveryNotification } from './mail.js';
export type { SmtpContent, SmtpMessage, SmtpMessageSource, SmtpSource } from './message.js';
export {
  SmtpAuthType,
  SmtpConnectType,
  SmtpServer,
  type SmtpChoice,
  type SmtpMechanism,
  type SmtpMechanismContext,
  type SmtpTlsOptions,
  type SmtpTokenProvider,
} from './server.js';
export type { SmtpMailParameters } from './session.js';
