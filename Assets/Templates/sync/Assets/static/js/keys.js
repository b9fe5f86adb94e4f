// What a key press means where more than Latin is written.

/**
 * Tells whether a key belongs to an input method's composition (UI Events §5.7): Escape then gives up
 * the composed text and nothing else, and Enter chooses a word. Safari ends the composition before
 * it tells the key that ended it; 229 is how that key is known (§7.3.1).
 */
export function isComposing(event) {
  return event.isComposing || event.keyCode === 229;
}
