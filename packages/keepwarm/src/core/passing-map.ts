/**
 * A map for what comes and goes with every call: a Map that is replaced by a new one every so often (decision 0025).
 *
 * A Map that has lived for a while stands in the old part of the heap, and so does each table that takes the place of
 * its last one, which V8 makes whenever as many have gone as there is room for. A table that nobody uses any more still
 * keeps what was in it from being collected cheaply: of the calls that went through such a Map a good part was kept
 * until the next full collection, and each small collection took ten times as long. A new Map is a young one.
 */

/** So many must have gone: few enough for there to be less than two small collections meanwhile. */
const RENEWED_AFTER = 256;

export class PassingMap<K, V> {
  #map = new Map<K, V>();
  #gone = 0;

  get size(): number {
    return this.#map.size;
  }

  get(key: K): V | undefined {
    return this.#map.get(key);
  }

  set(key: K, value: V): void {
    this.#map.set(key, value);
  }

  /** @returns whether it was there */
  delete(key: K): boolean {
    if (!this.#map.delete(key)) return false;
    if (++this.#gone >= Math.max(RENEWED_AFTER, 2 * this.#map.size)) {
      this.#gone = 0;
      this.#map = new Map(this.#map);
    }
    return true;
  }

  /** Oldest first. Nothing may be deleted before one has seen all that one wants to. */
  values(): MapIterator<V> {
    return this.#map.values();
  }
}
