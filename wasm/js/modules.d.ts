/** The module; or as text: its octets by how often they come, as two hexadecimal digits each, and the text. */
declare module '#wasm' {
  export interface Inlined {
    length: number;
    alphabet: string;
    order: string;
    text: string;
  }
  const module: WebAssembly.Module | Inlined;
  export default module;
}

/** As much of the runtime's own module as is used here. */
declare module 'cloudflare:sockets' {
  export interface Socket {
    readable: ReadableStream<Uint8Array>;
    writable: WritableStream<Uint8Array>;
    opened: Promise<unknown>;
    closed: Promise<void>;
    close(): Promise<void>;
    startTls(options?: { expectedServerHostname: string }): Socket;
  }
  export function connect(address: { hostname: string; port: number }, options: { secureTransport: 'off' | 'on' | 'starttls'; allowHalfOpen: boolean }): Socket;
}

/** The glue that wasm-bindgen makes for `wasm/src/lib.rs`. */
declare module '#glue' {
  export function initSync(options: { module: WebAssembly.Module | BufferSource }): unknown;
  export function __wbg_reset_state(): void;

  export class Settings {
    constructor(text: string);
    free(): void;
    set(name: string, value: string): void;
    given(): string;
    password(): string;
    resolve(): string;
  }

  export class Digest {
    constructor();
    free(): void;
    update(octets: Uint8Array): void;
    finish(): Uint8Array<ArrayBuffer>;
  }

  export class Session {
    constructor(
      settings: Settings,
      transcript: boolean,
      now: number,
      entropy: Uint8Array,
      unixTime: number,
      deriveAbove: number | undefined,
    );
    free(): void;
    wants_input(): boolean;
    handle_input(now: number, octets: Uint8Array): void;
    handle_eof(now: number): void;
    handle_timeout(now: number): void;
    flight(): Uint8Array<ArrayBuffer> | undefined;
    flight_into(into: Uint8Array): number;
    body_due(): Float64Array | undefined;
    transmitting(now: number, count: number): void;
    transmitted(now: number, count: number): void;
    poll_events(): string | undefined;
    poll_timeout(): number | undefined;
    poll_transcript(): string | undefined;
    channel_binding(name: string, data: Uint8Array): void;
    tls_established(now: number, verified: boolean): void;
    tls_failed(now: number, code: string, text: string): void;
    establish_tls(): void;
    auth_supply(step: string, octets: Uint8Array | undefined, ok: boolean): void;
    mail(sender: string): void;
    mail_parameter(keyword: string, value: string | undefined): void;
    recipient(address: string): void;
    recipient_parameter(keyword: string, value: string | undefined): void;
    send(
      size: number | undefined,
      content: number,
      lineEnds: number,
      longLines: number,
      transfer: number,
      utf8Headers: boolean,
      once: boolean,
    ): number;
    verify_recipients(): number;
    body_chunk(operation: number, length: number, last: boolean): boolean;
    body(operation: number, piece: Uint8Array): number;
    end_body(operation: number): void;
    cancel(operation: number): void;
    command(verb: 'NOOP' | 'RSET' | 'VRFY' | 'EXPN' | 'HELP', argument?: string): number;
    custom(line: string): number;
    quit(): void;
    abort(): void;
    capabilities(): string;
    is_encrypted(): boolean;
    mechanism(): string | undefined;
  }
}

/** The host of the runtime. */
declare module '#host' {
  export const host: import('./host.js').SmtpHost;
}
