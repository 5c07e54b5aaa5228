// What was cancelled leaves nothing behind: Node exits by itself, and the server sees the connection closed.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { test } from 'node:test';
import { rawServer } from './server.mjs';

const root = fileURLToPath(new URL('..', import.meta.url));

// Cancels once it is told to, and says how long that took; then it has nothing left to do.
const PROGRAM = `
const [port, api, secure] = process.argv.slice(1);
const { createTransport, SmtpClient, SmtpMail, SmtpServer } = await import('sansmtp');
const message = { from: 'ann@example.com', to: 'bob@example.org', text: 'x'.repeat(300_000) };
const controller = new AbortController();
let begin;
process.stdin.once('data', () => {
  process.stdin.destroy();
  begin = performance.now();
  controller.abort();
});
const transport = createTransport({ host: '127.0.0.1', port: Number(port), secure: secure === 'true', ignoreTLS: secure !== 'true', pool: true, auth: { user: 'a', pass: 'b' }, allowInsecureAuth: true });
const server = Object.assign(new SmtpServer('127.0.0.1 ' + port), { connectType: secure === 'true' ? 3 : 0, user: 'a', password: 'b', allowInsecureAuth: true });
const mail = Object.assign(new SmtpMail(), { from: message.from, to: message.to, textBody: message.text });
const sending = api === 'transport' ? transport.sendMail({ ...message, signal: controller.signal }) : new SmtpClient().sendMailAsync(server, mail, { signal: controller.signal });
try {
  await sending;
} catch (error) {
  console.log(error.code, Math.round(performance.now() - begin));
}
if (api === 'transport') await transport.close();
`;

const REPLIES = { EHLO: '250-x\r\n250-PIPELINING\r\n250 AUTH PLAIN\r\n', AUTH: '235 ok\r\n', MAIL: '250 ok\r\n', RCPT: '250 ok\r\n', DATA: '354 go\r\n' };

for (const stage of ['greeting', 'handshake', 'EHLO', 'AUTH', 'MAIL', 'DATA', 'body']) {
  test(`cancelled at the stage ${stage}`, async (t) => {
    for (const api of ['client', 'transport']) {
      let stuck = () => {};
      const isStuck = new Promise((done) => (stuck = done));
      let closed = () => {};
      const isClosed = new Promise((done) => (closed = done));
      const sockets = [];
      let hasExited = false;
      const { port } = await rawServer(t, (socket) => {
        socket.on('close', closed);
        sockets.push(socket);
        if (stage === 'greeting' || stage === 'handshake') return stuck();
        socket.write('220 x\r\n');
        let isBody = false;
        socket.on('data', (data) => {
          if (isBody) {
            // Nobody reads on, so that writing stands still.
            if (!hasExited) socket.pause();
            return stuck();
          }
          for (const line of data.toString('latin1').split('\r\n').slice(0, -1)) {
            const verb = line.slice(0, 4).toUpperCase();
            if (verb === stage) return stuck();
            if (REPLIES[verb]) socket.write(REPLIES[verb]);
            isBody ||= verb === 'DATA';
          }
        });
      });
      const child = spawn(process.execPath, ['--input-type=module', '-e', PROGRAM, String(port), api, String(stage === 'handshake')], { cwd: root, stdio: ['pipe', 'pipe', 'inherit'] });
      const output = [];
      child.stdout.on('data', (data) => output.push(data));
      const exited = new Promise((done) => child.on('exit', (code, signal) => done({ code, signal, at: performance.now() })));
      await isStuck;
      await new Promise((done) => setTimeout(done, 50));
      const begin = performance.now();
      child.stdin.write('now');
      const timer = setTimeout(() => child.kill(), 10_000);
      const { code, at } = await exited;
      clearTimeout(timer);
      // A socket tells of its end once it is read to it.
      hasExited = true;
      for (const socket of sockets) socket.resume();
      await isClosed;
      const [error, millis] = Buffer.concat(output).toString().trim().split(' ');
      assert.deepEqual([code, error], [0, 'EABORT'], `${api}: ${Buffer.concat(output)}`);
      assert.ok(Number(millis) < 2000, `${api}: rejected after ${millis} ms`);
      assert.ok(at - begin < 6000, `${api}: Node exited after ${Math.round(at - begin)} ms`);
    }
  });
}
