// What npm would publish: packed, installed into an empty project, imported, required, and type-checked there.
import { execFileSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

// 150,000 is the aim: minified scripts and a smaller module are to bring it there.
const PACKED_LIMIT = 190_000;
const root = fileURLToPath(new URL('..', import.meta.url));
const run = (folder, command, ...args) => execFileSync(command, args, { cwd: folder, encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'] });

// The licence and the README of the repository go into the package.
for (const name of ['LICENSE-MIT', 'LICENSE-APACHE', 'README.md']) cpSync(join(root, '..', name), join(root, name));

run(root, 'npx', 'publint', '--strict');
run(root, 'npx', 'attw', '--pack', '.', '--profile', 'esm-only');
console.log('publint --strict and attw: no problem');

const [packed] = JSON.parse(run(root, 'npm', 'pack', '--json', '--silent'));
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
  const start = `const start = performance.now(); await import('sansmtp'); console.log(performance.now() - start);`;
  const times = Array.from({ length: 5 }, () => Number(run(project, 'node', '--input-type=module', '-e', start))).sort((a, b) => a - b);
  console.log(`import: ${times[2].toFixed(1)} ms, median of ${times.length}`);
  const { version } = JSON.parse(readFileSync(join(project, 'node_modules/sansmtp/package.json'), 'utf8'));
  console.log(`sansmtp ${version} installs and works`);
} finally {
  rmSync(project, { recursive: true, force: true });
  rmSync(join(root, packed.filename), { force: true });
}
