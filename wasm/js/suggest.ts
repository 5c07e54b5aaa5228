/** What somebody may have meant who wrote a name that there is not: ` Did you mean pass?`; else nothing. */
export function suggest(name: string, known: Iterable<string>): string {
  const [wanted, bound] = [name.toLowerCase(), Math.max(1, Math.floor(name.length / 3))];
  let [found, fewest] = ['', bound + 1];
  for (const candidate of known) {
    const other = candidate.toLowerCase();
    const isPart = wanted.length > 2 && (other.startsWith(wanted) || wanted.startsWith(other));
    const edits = isPart ? bound : distance(wanted, other);
    if (edits < fewest) [found, fewest] = [candidate, edits];
  }
  return found === '' ? '' : ` Did you mean ${found}?`;
}

/** Insertions, deletions, changes and swaps of neighbours from one to the other. */
function distance(one: string, other: string): number {
  let [before, last] = [[] as number[], Array.from({ length: other.length + 1 }, (_, at) => at)];
  for (let row = 1; row <= one.length; row += 1) {
    const next = [row];
    for (let at = 1; at <= other.length; at += 1) {
      const change = (last[at - 1] as number) + (one[row - 1] === other[at - 1] ? 0 : 1);
      next[at] = Math.min((last[at] as number) + 1, (next[at - 1] as number) + 1, change);
      if (row > 1 && at > 1 && one[row - 1] === other[at - 2] && one[row - 2] === other[at - 1]) {
        next[at] = Math.min(next[at] as number, (before[at - 2] as number) + 1);
      }
    }
    [before, last] = [last, next];
  }
  return last[other.length] as number;
}
