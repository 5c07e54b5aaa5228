/** Where well-known services take mail: facts of their own help pages, as of November 2026. `secure`: TLS comes first. */
const SERVICES: Readonly<Record<string, readonly [host: string, port: number, names?: string]>> = {
  AOL: ['smtp.aol.com', 465, 'aol.com'],
  Brevo: ['smtp-relay.brevo.com', 587, 'Sendinblue'],
  Ethereal: ['smtp.ethereal.email', 587, 'ethereal.email'],
  FastMail: ['smtp.fastmail.com', 465, 'fastmail.fm fastmail.com'],
  Gmail: ['smtp.gmail.com', 465, 'GoogleMail gmail.com googlemail.com'],
  GMX: ['mail.gmx.net', 587, 'gmx.net gmx.de gmx.at gmx.com'],
  iCloud: ['smtp.mail.me.com', 587, 'me.com mac.com icloud.com'],
  'Mail.ru': ['smtp.mail.ru', 465],
  Mailgun: ['smtp.mailgun.org', 465],
  Mailjet: ['in-v3.mailjet.com', 587],
  Mailtrap: ['live.smtp.mailtrap.io', 587],
  Mandrill: ['smtp.mandrillapp.com', 587],
  Outlook: ['smtp-mail.outlook.com', 587, 'Hotmail outlook.com hotmail.com live.com msn.com'],
  Outlook365: ['smtp.office365.com', 587, 'Office365'],
  Postmark: ['smtp.postmarkapp.com', 587, 'PostmarkApp'],
  Proton: ['smtp.protonmail.ch', 587, 'ProtonMail'],
  Resend: ['smtp.resend.com', 465],
  SendGrid: ['smtp.sendgrid.net', 587],
  'SES-EU-WEST-1': ['email-smtp.eu-west-1.amazonaws.com', 465],
  'SES-US-EAST-1': ['email-smtp.us-east-1.amazonaws.com', 465, 'SES'],
  'SES-US-WEST-2': ['email-smtp.us-west-2.amazonaws.com', 465],
  SparkPost: ['smtp.sparkpostmail.com', 587],
  Yahoo: ['smtp.mail.yahoo.com', 465, 'yahoo.com'],
  Yandex: ['smtp.yandex.com', 465, 'yandex.com yandex.ru ya.ru'],
  Zoho: ['smtp.zoho.com', 465],
};

/** The names of all services. */
export const SERVICE_NAMES: readonly string[] = Object.keys(SERVICES);

/** Where a service takes mail, by its name or by the domain of an address. */
export function serviceOf(name: string): { host: string; port: number } | undefined {
  const plain = (text: string): string => text.toLowerCase().replace(/[^a-z0-9.-]/g, '');
  const wanted = plain(name);
  const found = Object.entries(SERVICES).find(([service, [, , names = '']]) =>
    [service, ...names.split(' ')].some((other) => other !== '' && plain(other) === wanted));
  return found && { host: found[1][0], port: found[1][1] };
}
