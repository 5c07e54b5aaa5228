// What the package has from the repository beside what is built: npm calls this before it packs.
import { cpSync } from 'node:fs';

for (const name of ['LICENSE-MIT', 'LICENSE-APACHE', 'README.md']) cpSync(new URL(`../../${name}`, import.meta.url), new URL(`../${name}`, import.meta.url));
