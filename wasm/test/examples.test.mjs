// The documentation of every public name: that it is there, and that its examples run, and those of the README.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import ts from 'typescript';

const root = fileURLToPath(new URL('..', import.meta.url));
const entries = ['index', 'core', 'testing', 'nodemailer', 'host/node'].map((name) => join(root, `dist/${name}.d.ts`));
const program = ts.createProgram(entries, { module: ts.ModuleKind.NodeNext, moduleResolution: ts.ModuleResolutionKind.NodeNext, target: ts.ScriptTarget.ES2022, skipLibCheck: true });
const checker = program.getTypeChecker();

/** What the entries export, each once. */
const exported = new Map();
for (const entry of entries) {
  for (const symbol of checker.getExportsOfModule(checker.getSymbolAtLocation(program.getSourceFile(entry)))) {
    const original = symbol.flags & ts.SymbolFlags.Alias ? checker.getAliasedSymbol(symbol) : symbol;
    exported.set(original, symbol.name);
  }
}
const comment = (symbol) => ts.displayPartsToString(symbol.getDocumentationComment(checker));

test('every public name is documented', () => {
  const missing = [];
  for (const [symbol, name] of exported) {
    if (comment(symbol) === '') missing.push(name);
    // What is caught or listened to, and not made, needs none.
    const isMade = symbol.flags & (ts.SymbolFlags.Class | ts.SymbolFlags.Function) && !/(?:Error|Event)$/.test(name);
    if (isMade && !symbol.declarations.some((declaration) => declaration.getFullText().includes('@example'))) missing.push(`${name}: an example`);
  }
  assert.deepEqual(missing, []);
  assert.ok(exported.size > 50, String(exported.size));
});

// What an example may take for granted: what its reader has by then.
const PRELUDE = `
import { createReadStream } from 'node:fs';
import * as sansmtp from 'sansmtp';
import { SmtpSession } from 'sansmtp/core';
Object.assign(globalThis, sansmtp, {
  mail: Object.assign(new sansmtp.SmtpMail(), { from: 'ann@example.com', to: 'bob@example.org' }),
  server: new sansmtp.SmtpServer('mail.example.com 587'),
  client: new sansmtp.SmtpClient(),
  session: new SmtpSession('mail.example.com'),
  createReadStream,
  mySocket: () => {},
});
process.env.SMTP_PASSWORD = 'secret';
process.env.DKIM_KEY = (await import('node:crypto')).generateKeyPairSync('ed25519').privateKey.export({ type: 'pkcs8', format: 'pem' });
`;
// The runtime's sockets lead to a server in memory.
const HOOK = `
import { register } from 'node:module';
import { pathToFileURL } from 'node:url';
const host = JSON.stringify(pathToFileURL('host.mjs').href);
register('data:text/javascript,' + encodeURIComponent(
  'export const resolve = (specifier, context, next) => specifier === "#host" ? { url: ' + host + ', shortCircuit: true } : next(specifier, context);'));
`;
const HOST = `
import { host as node } from 'sansmtp/host/node';
let server;
export const host = {
  openFile: node.openFile,
  async connect(request) {
    server ??= new (await import('sansmtp/testing')).TestServer();
    return server.host.connect(request);
  },
};
`;

test('every example runs', async (t) => {
  await mkdir(join(root, 'test/generated'), { recursive: true });
  const folder = await mkdtemp(join(root, 'test/generated/example-'));
  t.after(() => rm(folder, { recursive: true }));
  const write = (name, text) => writeFile(join(folder, name), text);
  await Promise.all(['message.eml', 'report.pdf', 'film.mp4', 'hi.html'].map((name) => write(name, 'From: ann@example.com\r\n\r\nHi.\r\n')));
  await Promise.all([write('hook.mjs', HOOK), write('host.mjs', HOST), write('prelude.mjs', PRELUDE)]);
  let count = 0;
  const all = new Set(program.getSourceFiles().filter(({ fileName }) => fileName.startsWith(join(root, 'dist'))).flatMap(({ text }) =>
    [...text.matchAll(/```js\n([^]*?)\n\s*\* ```/g)].map(([, code]) => code.replace(/^\s*\* ?/gm, ''))));
  const readme = await readFile(join(root, '../README.md'), 'utf8');
  for (const [, code] of readme.matchAll(/```js\n([^]*?)\n```/g)) all.add(code);
  for (const code of all) {
    count += 1;
    // Node 20 has no `await using`.
    const { outputText } = ts.transpileModule(code, { compilerOptions: { target: ts.ScriptTarget.ES2022, module: ts.ModuleKind.ESNext } });
    await write(`${count}.mjs`, `import './prelude.mjs';\n${outputText}\n`);
    const run = promisify(execFile)(process.execPath, ['--no-warnings', '--import', './hook.mjs', `${count}.mjs`], { cwd: folder, timeout: 20_000 });
    await run.catch((error) => assert.fail(`${code}\n\n${error.stderr || error}`));
  }
  assert.ok(count > 12, `${count} examples`);
});
