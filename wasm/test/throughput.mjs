// Messages a second over a pool, and processor time for each: this package and Nodemailer, in the same run against the same
// server, which keeps nothing. `cargo xtask throughput` calls it.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import nodemailer from 'nodemailer';
import { createTransport } from 'sansmtp';

const COUNT = 3000;
const ROUNDS = 4;
const message = { from: 'ann@example.com', to: 'bob@example.org', subject: 'Hi', text: 'x'.repeat(1000) };

const server = spawn(process.execPath, [new URL('discard.mjs', import.meta.url).pathname], { stdio: ['ignore', 'pipe', 'inherit'] });
const [line] = await once(server.stdout, 'data');
const port = Number(String(line).split('\n')[0]);
server.stdout.resume();

async function measure(make, maxConnections) {
  const transport = make({ host: '127.0.0.1', port, pool: true, maxConnections, maxMessages: Infinity, ignoreTLS: true });
  await transport.sendMail(message);
  const [before, begin] = [process.cpuUsage(), performance.now()];
  await Promise.all(Array.from({ length: COUNT }, () => transport.sendMail(message)));
  const [{ user, system }, time] = [process.cpuUsage(before), performance.now() - begin];
  await transport.close();
  return { rate: COUNT / (time / 1000), cpu: (user + system) / COUNT };
}

console.log(`${COUNT} messages of 1 kB, messages a second, and µs of processor time a message; the best of ${ROUNDS} rounds in turn`);
console.log(`${'connections'.padEnd(12)}${'sansmtp'.padStart(10)}${'µs'.padStart(6)}${'nodemailer'.padStart(12)}${'µs'.padStart(6)}${'ratio'.padStart(8)}`);
for (const connections of [1, 5]) {
  const best = { own: { rate: 0 }, other: { rate: 0 } };
  for (let round = 0; round < ROUNDS; round += 1) {
    for (const [name, make] of [['own', createTransport], ['other', nodemailer.createTransport]]) {
      const result = await measure(make, connections);
      if (result.rate > best[name].rate) best[name] = result;
    }
  }
  const { own, other } = best;
  console.log(`${String(connections).padEnd(12)}${own.rate.toFixed(0).padStart(10)}${own.cpu.toFixed(0).padStart(6)}${other.rate.toFixed(0).padStart(12)}${other.cpu.toFixed(0).padStart(6)}${(own.rate / other.rate).toFixed(1).padStart(8)}`);
}
server.kill();
