/** What the case `20 MiB` attaches, piece by piece; the server's side makes the same to compare. */
export const LARGE = 20 * 1024 * 1024;

export function* large() {
  for (let left = LARGE; left > 0; left -= PIECE) yield new Uint8Array(Math.min(PIECE, left)).map((_, at) => (at % 77 === 0 ? 10 : 97 + (at % 26)));
}

const PIECE = 60_000;
