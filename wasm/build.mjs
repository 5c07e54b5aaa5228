// The scripts of the package, from js/ into dist/: what belongs together in one file, since a runtime opens each file on its own,
// and without what only people read. What the conditions of package.json choose stays apart.
import { readFileSync, writeFileSync } from 'node:fs';
import { build, transformSync } from 'esbuild';

const ENTRIES = ['index', 'core', 'nodemailer', 'testing', 'wasm', 'host/node', 'host/deno', 'host/workerd', 'host/websocket', 'host/none'];

await build({
  absWorkingDir: import.meta.dirname,
  entryPoints: ENTRIES.map((name) => `js/${name}.ts`),
  outdir: 'dist',
  bundle: true,
  splitting: true,
  format: 'esm',
  target: 'es2022',
  // Names stay, so that a stack can be read.
  minifyWhitespace: true,
  minifySyntax: true,
  external: ['#wasm', '#glue', '#host', 'node:*', 'cloudflare:*'],
  chunkNames: 'shared-[hash]',
  logLevel: 'warning',
});

// Where the registry of Deno finds the types.
for (const name of ENTRIES) {
  const file = new URL(`dist/${name}.js`, import.meta.url);
  writeFileSync(file, `/* @ts-self-types="./${name.split('/').pop()}.d.ts" */\n${readFileSync(file, 'utf8')}`);
}

// The glue that wasm-bindgen made.
const glue = new URL('dist/wasm/glue.js', import.meta.url);
writeFileSync(glue, transformSync(readFileSync(glue, 'utf8'), { format: 'esm', target: 'es2022', minifyWhitespace: true, minifySyntax: true }).code);
