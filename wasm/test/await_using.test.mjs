// `await using` as TypeScript compiles it for runtimes that do not have it yet.
import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { test } from 'node:test';
import ts from 'typescript';
import { ca, smtpServer } from './server.mjs';

const SOURCE = `
import { SmtpClient, SmtpMail, SmtpServer } from 'sansmtp';

export async function send(port: number, ca: string): Promise<string> {
  const server = new SmtpServer(\`localhost \${port}\`);
  server.tls = { ca };
  const mail = new SmtpMail();
  mail.from = 'ann@example.com';
  mail.to = 'bob@example.org';
  await using client = new SmtpClient();
  await client.connectAsync(server);
  const { response } = await client.sendMailAsync(server, mail);
  return response;
}
`;

test('await using closes the connection', async (t) => {
  const real = await smtpServer(t);
  const { outputText } = ts.transpileModule(SOURCE, { compilerOptions: { target: ts.ScriptTarget.ES2022, module: ts.ModuleKind.ESNext } });
  const file = new URL('generated/await_using.mjs', import.meta.url);
  mkdirSync(new URL('.', file), { recursive: true });
  writeFileSync(file, outputText);
  const { send } = await import(file.href);
  assert.equal(await send(real.port, ca), '250 2.0.0 Queued');
  await real.allClosed();
});
