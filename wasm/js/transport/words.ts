import { SmtpError } from '../errors.js';

/** @internal An error in the words of the options of `createTransport`, so that what is to be changed can be found there. */
export function inWords(error: unknown): unknown {
  if (!(error instanceof SmtpError)) return error;
  const said = (text: string): string => WORDS.reduce((changed, [words, others]) => changed.replace(words, others), text);
  const suspects = [...new Set(error.suspects.map((name) => SUSPECTS.get(name) ?? name))];
  return error.changed({ message: said(error.message), advice: error.advice.map(said), suspects });
}

const WORDS: readonly (readonly [RegExp, string])[] = [
  [/connectType to connectNormal and allowInsecureAuth to true/g, 'ignoreTLS: true and allowInsecureAuth: true'],
  [/which connectType requires/g, 'which requireTLS asks for'],
  [/connectSTARTTLS/g, 'requireTLS: true'],
  [/connectDirectSSL/g, 'secure: true'],
  [/connectNormal/g, 'ignoreTLS: true'],
  [/\bconnectType\b/g, 'secure, requireTLS or ignoreTLS'],
  [/authType (?:to )?auth(Plain|Login|External)/g, 'auth.method $1'],
  [/\bauthType or authMechanisms\b|\bauthType\b|\bauthMechanisms\b/g, 'auth.method'],
  [/\buser is set but password is not/g, 'auth.user is set but auth.pass is not'],
  [/set token instead of password/g, 'set auth.accessToken instead of auth.pass'],
  [/set user and password/g, 'set auth: { user, pass }'],
  [/leave user and password empty/g, 'leave auth out'],
  [/set textBody, htmlBody, attachments; or give a finished message, by message/g, 'give text, html, attachments; or a finished message, as raw'],
];

const SUSPECTS: ReadonlyMap<string, string> = new Map([
  ['connectType', 'secure'], ['user', 'auth.user'], ['password', 'auth.pass'], ['token', 'auth.accessToken'], ['authType', 'auth.method'],
  ['authMechanisms', 'auth.method'], ['heloDomain', 'name'], ['server', 'host'],
]);
