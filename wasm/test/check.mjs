// What npm would publish: packed, installed into an empty project, imported, required, and type-checked there.
import { execFileSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

// 150,000 is the aim. The module is in it twice: as a file for edge runtimes, and as text for everything else.
const PACKED_LIMIT = 297_000;
/** What people write first. */
const STRICT = `import { createTransport, SmtpClient, SmtpConnectType, SmtpServer } from 'sansmtp';
import { sansmtp } from 'sansmtp/nodemailer';
import { dryRun, TestServer } from 'sansmtp/testing';
import { webSocketHost } from 'sansmtp/host/websocket';
import { readFileSync } from 'node:fs';

const server = new SmtpServer('mail.example.com', 587);
server.connectType = SmtpConnectType.connectSTARTTLS;
server.password = process.env['SMTP_PASSWORD'];
server.tls = { ca: readFileSync('ca.pem') };
const client = new SmtpClient();
client.addEventListener('sendingdatastream', ({ sent, total }) => console.log(sent, total));
client.addEventListener('connected', () => {});
const transport = createTransport({
  auth: { user: 'ann', pass: process.env['SMTP_PASSWORD'] }, tls: { ca: readFileSync('ca.pem') },
  dkim: { domainName: 'example.com', keySelector: 'a', privateKey: process.env['DKIM_KEY'] },
});
transport.sendMail({ from: 'a@b.example' }, (error, info) => {
  if (error) console.error(error.code);
  else console.log(info.messageId);
});
export const all = [sansmtp, dryRun, TestServer, webSocketHost];
`;
const root = fileURLToPath(new URL('..', import.meta.url));
const run = (folder, command, ...args) => execFileSync(command, args, { cwd: folder, encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'] });

run(root, 'npx', 'publint', '--strict');
run(root, 'npx', 'attw', '--pack', '.', '--profile', 'esm-only');
console.log('publint --strict and attw: no problem');

const [packed] = JSON.parse(run(root, 'npm', 'pack', '--json', '--silent'));
for (const name of ['LICENSE-APACHE', 'LICENSE-MIT', 'MIGRATION.md', 'README.md', 'dist/wasm/sansmtp.wasm']) if (!packed.files.some(({ path }) => path === name)) throw new Error(`the package has no ${name}`);
console.log(`packed: ${packed.size} octets, ${packed.files.length} files, unpacked ${packed.unpackedSize}`);
if (packed.size > PACKED_LIMIT) throw new Error(`the package has ${packed.size} octets; ${PACKED_LIMIT} are allowed`);

const project = mkdtempSync(join(tmpdir(), 'sansmtp-check-'));
try {
  writeFileSync(join(project, 'package.json'), '{ "private": true, "type": "module" }');
  run(project, 'npm', 'install', '--silent', '--no-audit', '--no-fund', join(root, packed.filename));
  const program = `new SmtpServer('localhost 25').port`;
  run(project, 'node', '--input-type=module', '-e', `import { SmtpServer } from 'sansmtp'; if (${program} !== 25) throw 1;`);
  run(project, 'node', '--no-warnings', '--input-type=commonjs', '-e', `const { SmtpServer } = require('sansmtp'); if (${program} !== 25) throw 1;`);
  console.log('import and require: work');
  mkdirSync(join(project, 'types'));
  cpSync(join(root, 'test/types.ts'), join(project, 'types/types.ts'));
  cpSync(join(root, 'node_modules/@types'), join(project, 'node_modules/@types'), { recursive: true });
  cpSync(join(root, 'node_modules/undici-types'), join(project, 'node_modules/undici-types'), { recursive: true });
  for (const [module, resolution] of [['nodenext', 'nodenext'], ['node16', 'node16'], ['esnext', 'bundler']]) {
    run(project, process.execPath, join(root, 'node_modules/typescript/bin/tsc'), '--noEmit', '--strict', '--target', 'es2022',
      '--lib', 'es2023,esnext.disposable,dom', '--types', 'node', '--module', module, '--moduleResolution', resolution, 'types/types.ts');
    console.log(`types under moduleResolution ${resolution}: right`);
  }
  // Without the types of a browser, and as strict as there is.
  writeFileSync(join(project, 'types/strict.ts'), STRICT);
  run(project, process.execPath, join(root, 'node_modules/typescript/bin/tsc'), '--noEmit', '--strict', '--exactOptionalPropertyTypes', '--noUncheckedIndexedAccess', '--target', 'es2022',
    '--lib', 'es2023', '--types', 'node', '--module', 'nodenext', 'types/strict.ts');
  console.log('types without those of a browser: right');
  const start = `const start = performance.now(); await import('sansmtp'); console.log(performance.now() - start);`;
  const times = Array.from({ length: 5 }, () => Number(run(project, 'node', '--input-type=module', '-e', start))).sort((a, b) => a - b);
  console.log(`import: ${times[2].toFixed(1)} ms, median of ${times.length}`);
  const { version } = JSON.parse(readFileSync(join(project, 'node_modules/sansmtp/package.json'), 'utf8'));
  if (JSON.parse(readFileSync(join(root, 'jsr.json'), 'utf8')).version !== version) throw new Error('jsr.json has another version than package.json');
  console.log(`sansmtp ${version} installs and works`);
} finally {
  rmSync(project, { recursive: true, force: true });
  rmSync(join(root, packed.filename), { force: true });
}
