// A server that takes messages and keeps nothing: `node discard.mjs [CHUNKING]`. It prints its port, and for each message
// how many octets came. A process of its own, so that its memory is not that of who sends.
import { createServer } from 'node:net';

const offers = process.argv.slice(2);
const end = Buffer.from('\r\n.\r\n');

const server = createServer({ noDelay: true }, (socket) => {
  let rest = Buffer.alloc(0);
  let take = commands;
  let received = 0;
  const say = (text) => socket.write(`${text}\r\n`);
  const took = (reply) => {
    console.log(received);
    received = 0;
    say(reply);
  };

  function commands() {
    const at = rest.indexOf('\r\n');
    if (at < 0) return false;
    const line = rest.subarray(0, at).toString('latin1');
    rest = rest.subarray(at + 2);
    const [verb, length, last] = line.split(' ');
    if (verb === 'EHLO') say(['250-discard', ...['PIPELINING', '8BITMIME', ...offers].map((offer) => `250-${offer}`), '250 SIZE'].join('\r\n'));
    else if (verb === 'DATA') {
      say('354 go');
      // The line end before the dot may be that of the command.
      rest = Buffer.concat([Buffer.from('\r\n'), rest]);
      received -= 2;
      take = message;
    } else if (verb === 'BDAT') {
      take = chunk(Number(length), last === 'LAST');
    } else if (verb === 'QUIT') {
      socket.end('221 bye\r\n');
    } else say('250 ok');
    return true;
  }

  function message() {
    const at = rest.indexOf(end);
    if (at < 0) {
      const kept = Math.min(rest.length, end.length - 1);
      received += rest.length - kept;
      rest = rest.subarray(rest.length - kept);
      return false;
    }
    received += at + 2;
    rest = rest.subarray(at + end.length);
    take = commands;
    took('250 taken');
    return true;
  }

  function chunk(length, isLast) {
    let missing = length;
    return () => {
      const count = Math.min(missing, rest.length);
      rest = rest.subarray(count);
      missing -= count;
      received += count;
      if (missing > 0) return false;
      take = commands;
      if (isLast) took('250 taken');
      else say('250 chunk');
      return true;
    };
  }

  socket.on('error', () => {});
  socket.on('data', (octets) => {
    rest = rest.length === 0 ? octets : Buffer.concat([rest, octets]);
    while (rest.length > 0 && take());
  });
  say('220 discard');
});
server.listen(0, '127.0.0.1', () => console.log(server.address().port));
