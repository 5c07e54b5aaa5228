// The page, bundled for a browser as each bundler does it with nothing configured but the entry.
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const here = fileURLToPath(new URL('.', import.meta.url));
const entry = join(here, 'page.mjs');

/** Each writes one script for a page, and gives its path. */
export const BUNDLERS = {
  async esbuild(out) {
    const { build } = await import('esbuild');
    const outfile = join(out, 'esbuild.js');
    await build({ entryPoints: [entry], bundle: true, minify: true, format: 'esm', outfile, logLevel: 'warning' });
    return outfile;
  },
  async vite(out) {
    const { build } = await import('vite');
    await build({ root: here, logLevel: 'warn', build: { outDir: join(out, 'vite'), lib: { entry, formats: ['es'], fileName: () => 'page.js' }, minify: true, emptyOutDir: true } });
    return join(out, 'vite', 'page.js');
  },
  async webpack(out) {
    const { default: webpack } = await import('webpack');
    const stats = await new Promise((done, failed) => webpack({ mode: 'production', entry, context: here, output: { path: out, filename: 'webpack.js' }, performance: { hints: false } }, (error, stats) => (error ? failed(error) : done(stats))));
    if (stats.hasErrors() || stats.hasWarnings()) throw new Error(stats.toString());
    return join(out, 'webpack.js');
  },
  async rollup(out) {
    const { rollup } = await import('rollup');
    const { default: resolve } = await import('@rollup/plugin-node-resolve');
    const bundle = await rollup({ input: entry, plugins: [resolve({ browser: true })], onwarn: (warning) => { throw new Error(warning.message); } });
    const file = join(out, 'rollup.js');
    await bundle.write({ file, format: 'es' });
    await bundle.close();
    return file;
  },
};
