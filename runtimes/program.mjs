// The cases in a runtime that runs programs: Node, Deno, Bun. Settings come in the environment, results go out as JSON.
import { conformance } from './conformance.mjs';

const environment = globalThis.Deno ? Deno.env.get('SANSMTP_SETTINGS') : process.env.SANSMTP_SETTINGS;
console.log(JSON.stringify(await conformance(JSON.parse(environment))));
