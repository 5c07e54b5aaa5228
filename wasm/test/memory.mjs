// What memory a message costs that is read from a file while it is sent, or that has the file attached: `node memory.mjs
// FILE PORT [attach]`. Prints MiB: array buffers at most, the memory of the WebAssembly instance, resident memory at most;
// and MiB a second.
import { statSync } from 'node:fs';

const [file, port, attach] = process.argv.slice(2);
let memory;
const { Instance } = WebAssembly;
WebAssembly.Instance = class extends Instance {
  constructor(...given) {
    super(...given);
    memory = this.exports.memory;
  }
};

const { SmtpClient, SmtpConnectType, SmtpMail, SmtpServer } = await import('sansmtp');
const { messageFile } = await import('sansmtp/host/node');
const server = new SmtpServer(`127.0.0.1 ${port}`);
server.connectType = SmtpConnectType.connectNormal;
const mail = new SmtpMail();
mail.from = 'ann@example.com';
mail.to = 'bob@example.org';
const { size } = statSync(file);
if (attach) await mail.addAttachmentAsync(file);
else mail.message = await messageFile(file);
const client = new SmtpClient();
let buffers = 0;
client.addEventListener('sendingdatastream', () => {
  buffers = Math.max(buffers, process.memoryUsage().arrayBuffers);
});
const begin = performance.now();
await client.sendMailAsync(server, mail);
const seconds = (performance.now() - begin) / 1000;
const mib = (octets) => (octets / 2 ** 20).toFixed(1);
console.log([mib(buffers), mib(memory.buffer.byteLength), mib(process.resourceUsage().maxRSS * 1024), (size / 2 ** 20 / seconds).toFixed(0)].join(' '));
