/** Sends mail over SMTP, on the runtime's own sockets and TLS. */
export {
  SmtpClient,
  SmtpProgressEvent,
  type SmtpClientOptions,
  type SmtpSending,
  type SmtpSendOptions,
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
export type { SmtpDeliveryNotification } from './envelope.js';
export { SmtpHeaders, SmtpMail } from './mail.js';
export type { SmtpContent, SmtpMessage, SmtpMessageSource, SmtpSource } from './message.js';
export type { SmtpConnectionResult, SmtpRecipientsResult, SmtpSendResult } from './result.js';
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
export type {
  SmtpTransportAddress,
  SmtpTransportAttachment,
  SmtpTransportContent,
  SmtpTransportList,
  SmtpTransportMessage,
  SmtpTransportText,
} from './transport/message.js';
export type { SmtpTransportAuth, SmtpTransportDkim, SmtpTransportOptions } from './transport/options.js';
export { createTransport, SmtpTransport, type SmtpTransportInfo } from './transport/transport.js';
