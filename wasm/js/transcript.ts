/** What was said on a connection, the last of it at least. */
export class Transcript {
  #text = '';
  /** Characters that were cut from its start. */
  #cut = 0;

  get text(): string {
    return this.#text;
  }

  /** Characters of all that was said. */
  get length(): number {
    return this.#cut + this.#text.length;
  }

  /** What was said from a place on, if it is kept so far back. */
  from(place: number): string {
    return this.#text.slice(Math.max(place - this.#cut, 0));
  }

  add(lines: string): void {
    this.#text += lines;
    // Cut now and then: cutting copies all that is kept.
    if (this.#text.length <= 2 * KEPT) return;
    this.#cut += this.#text.length - KEPT;
    this.#text = this.#text.slice(-KEPT);
  }
}

/** Characters that are kept at least. */
const KEPT = 256 * 1024;
