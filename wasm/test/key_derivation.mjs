// How long a login by SCRAM takes the WebAssembly module, and the platform's PBKDF2: as tests/examples/key_derivation.rs.
import { SmtpSession, SmtpServer } from 'sansmtp/core';

const entropy = new TextEncoder().encode('0123456789abcdefghijklmnopqrstuv');
const text = (line) => new TextEncoder().encode(line);

function module(hash, iterations) {
  const settings = { server: 'localhost', connectType: 'connectNormal', allowInsecureAuth: true, user: 'user', password: 'pencil' };
  const session = new SmtpSession(SmtpServer.from({ ...settings, authMechanisms: `SCRAM-${hash}` }), { entropy });
  const flight = () => {
    const octets = session.flight();
    session.transmitting(octets.length);
    session.transmitted(octets.length);
    return octets;
  };
  session.handleInput(text('220 hi\r\n'));
  flight();
  session.handleInput(text(`250-hi\r\n250 AUTH SCRAM-${hash}\r\n`));
  flight();
  const first = `r=MDEyMzQ1Njc4OWFiY2RlZmdoaWprbG1uSERVER,s=MDEyMzQ1Njc4OWFiY2RlZg==,i=${iterations}`;
  const begin = performance.now();
  session.handleInput(text(`334 ${btoa(first)}\r\n`));
  const millis = performance.now() - begin;
  if (flight().length <= 60) throw new Error('no proof');
  session[Symbol.dispose]();
  return millis;
}

async function platform(hash, iterations) {
  const begin = performance.now();
  const key = await crypto.subtle.importKey('raw', text('pencil'), 'PBKDF2', false, ['deriveBits']);
  const bits = { 'SHA-1': 160, 'SHA-256': 256, 'SHA-512': 512 }[hash];
  await crypto.subtle.deriveBits({ name: 'PBKDF2', hash, salt: entropy.slice(0, 16), iterations }, key, bits);
  return performance.now() - begin;
}

for (const hash of ['SHA-1', 'SHA-256', 'SHA-512']) {
  for (const iterations of [4096, 20_000, 100_000, 600_000]) {
    let [slow, fast] = [Infinity, Infinity];
    for (let run = 0; run < 5; run += 1) {
      slow = Math.min(slow, module(hash, iterations));
      fast = Math.min(fast, await platform(hash, iterations));
    }
    console.log(`${hash} ${iterations} ${slow.toFixed(1)} ${fast.toFixed(1)}`);
  }
}
