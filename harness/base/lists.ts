/** Takes `item` out of a short list; whether it was there. */
export function removeFrom<T>(list: T[], item: T): boolean {
  const index = list.lastIndexOf(item);
  if (index < 0) return false;
  list.splice(index, 1);
  return true;
}
