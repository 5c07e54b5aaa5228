// Sends one mail and shows all that happens: to a server of its own, or to a real one.
import { readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { SmtpAuthType, SmtpClient, SmtpConnectType, SmtpError, SmtpMail, SmtpServer } from 'sansmtp';

const HELP = `usage: node demo.mjs [options]

Without a server, one is started here, with STARTTLS and login, and the mail goes to it; what you
set all the same is used: SMTP_PASSWORD=wrong shows what a wrong password looks like.
Each option may come from the environment instead, under the name behind it.

  --server "HOST PORT"   SMTP_SERVER     the server, such as "mail.example.com 587"
  --connect TYPE         SMTP_CONNECT    ${Object.keys(SmtpConnectType).join(', ')}
  --auth TYPE            SMTP_AUTH       ${Object.keys(SmtpAuthType).slice(0, 4).join(', ')},
                                         ${Object.keys(SmtpAuthType).slice(4, 9).join(', ')},
                                         ${Object.keys(SmtpAuthType).slice(9).join(', ')}
  --user NAME            SMTP_USER       the login; leave out for none
  --password-file FILE   SMTP_PASSWORD   a file with the password; or the password itself in the environment
  --token-file FILE      SMTP_TOKEN      a file with an access token, instead of a password; or the token itself
  --cert FILE            SMTP_CERT       a client certificate, as PEM, for authExternal
  --key FILE             SMTP_KEY        its key
  --login-only           SMTP_LOGIN_ONLY connect, log in and leave: no mail is sent
  --ca FILE              SMTP_CA         the CA to trust, as PEM, if it is not a public one
  --from ADDRESS         SMTP_FROM       the sender
  --to ADDRESSES         SMTP_TO         the recipients, with commas between them
  --subject TEXT, --text TEXT            the mail
  --help                                 this text
`;

let options;
try {
  options = parseArgs({
    options: Object.fromEntries(
      ['server', 'connect', 'auth', 'user', 'password-file', 'token-file', 'cert', 'key', 'ca', 'from', 'to', 'subject', 'text']
        .map((name) => [name, { type: 'string' }])
        .concat(['login-only', 'help'].map((name) => [name, { type: 'boolean' }])),
    ),
  }).values;
} catch (error) {
  console.error(`${error.message}\n\n${HELP}`);
  process.exit(2);
}
if (options.help) {
  console.log(HELP);
  process.exit(0);
}

const env = process.env;
const client = new SmtpClient();
let embedded;
const title = (text) => console.log(`\n── ${text} ${'─'.repeat(Math.max(0, 76 - text.length))}`);

try {
  let given = {
    server: options.server ?? env.SMTP_SERVER,
    connect: options.connect ?? env.SMTP_CONNECT,
    auth: options.auth ?? env.SMTP_AUTH,
    user: options.user ?? env.SMTP_USER,
    password: options['password-file'] ? read('--password-file', options['password-file']).trimEnd() : env.SMTP_PASSWORD,
    token: options['token-file'] ? read('--token-file', options['token-file']).trim() : env.SMTP_TOKEN,
    cert: options.cert ?? env.SMTP_CERT,
    key: options.key ?? env.SMTP_KEY,
    ca: options.ca ?? env.SMTP_CA,
    from: options.from ?? env.SMTP_FROM,
    to: options.to ?? env.SMTP_TO,
    text: options.text ?? 'Hello from sansmtp.\n',
  };
  if (given.server === undefined) {
    const { start } = await import('./server.mjs');
    embedded = await start();
    // What was given stays: a wrong password is tried too.
    const set = Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined));
    given = {
      ...embedded.settings,
      from: 'Ann <ann@example.com>',
      to: 'Bob <bob@example.org>, unknown@example.org',
      ...set,
      text: options.text ?? 'This mail went over TLS.\n.\nThe line above is a dot, and it is still here.\n',
    };
  }
  const isLoginOnly = options['login-only'] ?? Boolean(env.SMTP_LOGIN_ONLY);
  if (!isLoginOnly && (!given.from || !given.to)) throw wrong('Set --from and --to.');
  const server = new SmtpServer(given.server);
  if (given.connect) server.connectType = pick(SmtpConnectType, given.connect, '--connect');
  if (given.auth) server.authType = pick(SmtpAuthType, given.auth, '--auth');
  if (given.user) server.user = given.user;
  if (given.password) server.password = given.password;
  if (given.token) server.token = given.token;
  for (const name of ['ca', 'cert', 'key']) if (given[name]) server.tls[name] = read(`--${name}`, given[name]);

  const result = isLoginOnly ? await client.verifyAsync(server) : await client.sendMailAsync(server, compose(given));

  title('the dialogue, secrets redacted');
  process.stdout.write(client.smtpConversation);
  title('settings in effect');
  const { settings, security } = result;
  console.log(`server      ${settings.server}, port ${settings.port}`);
  console.log(`connection  ${settings.connection}${security.tls ? `, ${security.tls.protocol}, ${security.tls.cipher}` : ''}`);
  console.log(`certificate ${security.encrypted ? (security.verified ? 'verified' : 'NOT verified') : 'none'}`);
  console.log(`login       ${settings.user ? `${settings.user}, by ${settings.authType}` : 'none'}`);
  for (const { setting, value, reason } of settings.choices) console.log(`chosen      ${setting} = ${value}: ${reason}`);
  if (!isLoginOnly) {
    title('recipients');
    for (const { address, accepted, reply } of result.recipients) {
      console.log([accepted ? 'accepted' : 'refused ', address, reply.code, reply.enhanced, reply.text].filter((part) => part !== null).join('  '));
    }
    console.log(`\nThe server took the message: ${result.response}`);
  }
  if (embedded && !isLoginOnly) {
    title('what the server received');
    process.stdout.write(embedded.received[0] ?? '(nothing)\n');
    console.log(`\nMail delivered ${security.encrypted ? 'over TLS' : 'in clear'}.`);
  }
} catch (error) {
  title('the dialogue, secrets redacted');
  process.stdout.write(client.smtpConversation || '(none)\n');
  title('it did not work');
  console.log(error.message);
  for (const advice of error.advice ?? []) console.log(`  → ${advice}`);
  if (error.suspects?.length > 0) console.log(`Look at: ${error.suspects.join(', ')}`);
  process.exitCode = 1;
} finally {
  client.close();
  await embedded?.stop();
}

function compose({ from, to, text }) {
  const mail = new SmtpMail();
  mail.from = from;
  mail.to = to;
  mail.subject = options.subject ?? 'Grüße from sansmtp';
  mail.textBody = text;
  return mail;
}

/** The value of a name, in any case. */
function pick(names, text, option) {
  const found = Object.entries(names).find(([name]) => name.toLowerCase() === text.toLowerCase());
  if (found) return found[1];
  throw wrong(`${option} ${text} does not exist; write one of ${Object.keys(names).join(', ')}.`);
}

function read(option, file) {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    throw wrong(`${option} ${file} cannot be read: ${error.message}`);
  }
}

function wrong(message) {
  return new SmtpError(message, { code: 'ECONFIG', origin: 'settings', stage: 'connect', outcome: 'permanent' });
}
