// The dialogues of tests/dialogues through the npm package. They are checked in Rust; here, what the package says and
// does is held against what was recorded there, octet by octet and event by event, in each of the three cuts.
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { SmtpServer, SmtpSession, SmtpSessionError } from 'sansmtp/core';

const folder = new URL('../../tests/dialogues/', import.meta.url);
const recordings = process.env.SANSMTP_RECORDINGS;
assert.ok(recordings, 'run this by `cargo xtask test`, which records the dialogues first');

const latin1 = (text) => Uint8Array.from(text, (char) => char.charCodeAt(0));
const text = (octets) => Array.from(octets, (octet) => String.fromCharCode(octet)).join('');

const cuts = {
  whole: (octets) => [octets],
  line: (octets) => {
    const pieces = [];
    for (let start = 0; start < octets.length; ) {
      const end = octets.indexOf(10, start);
      const next = end < 0 ? octets.length : end + 1;
      pieces.push(octets.subarray(start, next));
      start = next;
    }
    return pieces;
  },
  octet: (octets) => Array.from(octets, (octet) => Uint8Array.of(octet)),
};

function run(dialogue, cut) {
  const { hostMechanism, greetingTimeout, deriveAbove, ...settings } = dialogue.settings;
  const { tokenProvider } = settings;
  delete settings.tokenProvider;
  const server = SmtpServer.from({ server: 'mail.example.com', ...settings, ...(tokenProvider ? { token: () => '' } : {}) });
  const session = new SmtpSession(server, {
    transcript: true,
    now: 0,
    entropy: latin1('0123456789abcdefghijklmnopqrstuv'),
    unixTime: 0,
    ...(deriveAbove === undefined ? {} : { deriveAbove }),
    ...(hostMechanism ? { hostMechanism } : {}),
    ...(greetingTimeout ? { greetingTimeout: Number(greetingTimeout) } : {}),
  });
  let now = 0;
  const flight = () => {
    let said = '';
    for (;;) {
      const octets = session.flight() ?? new Uint8Array(session.bodyDue()?.length ?? 0).fill(0x23);
      if (octets.length === 0) return said;
      session.transmitting(octets.length, now);
      session.transmitted(octets.length, now);
      said += text(octets);
    }
  };
  const calls = {
    send: ({ from, to = [], recipients = 0, parameters, ...plan }) =>
      session.send({ from, to: [...to, ...Array.from({ length: recipients }, (_, n) => `r${n}@example.org`)], ...(parameters ? { parameters } : {}) }, plan),
    verifyRecipients: (envelope) => session.verifyRecipients(envelope),
    bodyChunk: ({ operation = 0, length, last }) => Number(session.bodyChunk(operation, length, last)),
    body: ({ operation = 0, text: piece = '', times = 1 }) => session.body(operation, latin1(piece.repeat(times))),
    endBody: ({ operation = 0 }) => void session.endBody(operation),
    cancel: ({ operation = 0 }) => void session.cancel(operation),
    noop: () => session.noop(),
    reset: () => session.reset(),
    vrfy: ({ argument }) => session.vrfy(argument),
    expn: ({ argument }) => session.expn(argument),
    help: ({ argument }) => session.help(argument),
    custom: ({ argument }) => session.custom(argument),
    quit: () => void session.quit(),
    abort: () => void session.abort(),
    establishTls: () => void session.establishTls(),
    authSupply: ({ response, key, ...answer }) =>
      void session.authSupply({
        ...answer,
        ...(response === undefined ? {} : { response: latin1(response) }),
        ...(key === undefined ? {} : { key: latin1(key) }),
      }),
    transmitting: ({ count }) => void session.transmitting(count, now),
    transmitted: ({ count }) => void session.transmitted(count, now),
  };
  const act = (step) => {
    if (step.server !== undefined) {
      let last;
      for (const piece of cut(latin1(step.server))) {
        last = undefined;
        try {
          session.handleInput(piece, now);
        } catch (error) {
          last = error;
        }
      }
      if (last) throw last;
      return {};
    }
    if (step.client !== undefined || step.clientOctets !== undefined) return { client: flight() };
    if (step.events !== undefined) return { events: plain(session.pollEvents()) };
    if (step.call !== undefined) return { returns: calls[step.call](step.with ?? {}) ?? null };
    if (step.tls !== undefined) {
      if (typeof step.tls === 'string') session.tlsEstablished({ verified: step.tls === 'verified' }, now);
      else if (step.tls.channelBindings) {
        const channelBindings = step.tls.channelBindings.map(({ name, data }) => ({ name, data: latin1(data) }));
        session.tlsEstablished({ verified: true, channelBindings }, now);
      }
      else session.tlsFailed(step.tls, now);
      return {};
    }
    if (step.eof !== undefined) return void session.handleEof(now) ?? {};
    if (step.wait !== undefined) {
      now += step.wait;
      session.handleTimeout(now);
      return { deadline: session.pollTimeout() ?? null };
    }
    if (step.transcript !== undefined) return { transcript: session.pollTranscript().split('\n').slice(0, -1) };
    return { wantsInput: session.wantsInput };
  };
  const steps = dialogue.steps.map((step) => {
    try {
      return { record: act(step), error: null };
    } catch (error) {
      assert.ok(error instanceof SmtpSessionError, `${dialogue.name}: ${error?.stack ?? error}`);
      return { record: {}, error: plain({ class: error.class, kind: error.kind }) };
    }
  });
  session[Symbol.dispose]();
  return { steps };
}

/** As JSON has it: a challenge is an array of numbers there. */
function plain(value) {
  return JSON.parse(JSON.stringify(value, (_, inner) => (inner instanceof Uint8Array ? [...inner] : inner)));
}

for (const file of readdirSync(folder)) {
  const { dialogues } = JSON.parse(readFileSync(new URL(file, folder), 'utf8'));
  const recorded = JSON.parse(readFileSync(join(recordings, file), 'utf8'));
  test(file.replace('.json', ''), () => {
    for (const dialogue of dialogues) {
      for (const [name, cut] of Object.entries(cuts)) {
        assert.deepEqual(normal(run(dialogue, cut)), normal(recorded[dialogue.name]), `${dialogue.name}, ${name}`);
      }
    }
  });
}

/** A step that gives a deadline after an error has none in one of the two languages: both are told by the error. */
function normal({ steps }) {
  return steps.map(({ record, error }) => ({ record: error ? {} : record, error }));
}
