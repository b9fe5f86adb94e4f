// What a person would miss when the page is loaded again: where they had scrolled to, what they had
// typed and not sent, which details were open, where the caret stood. Kept for this tab and this
// address until the next load, and put back as the page's own scripts build it up.

const name = "mizu-dev-kept";
const attemptsMs = [0, 40, 120, 300, 700]; // a page that renders itself may need some
const typed = 'input:not([type]), input[type="text"], input[type="search"], input[type="email"], '
  + 'input[type="url"], input[type="tel"], input[type="number"], textarea, select';

/** Writes down what `restore` puts back. */
export function keep() {
  const fields = [];
  for (const [key, field] of keyed(typed)) {
    const isFocused = document.activeElement === field;
    if (field.value === field.defaultValue && !isFocused) continue;
    const caret = isFocused && "selectionStart" in field
      ? [field.selectionStart, field.selectionEnd] : null;
    fields.push({ key, value: field.value, isFocused, caret });
  }
  const open = [...keyed("details")].filter(([, one]) => one.open).map(([key]) => key);
  const kept = { address: location.href, x: scrollX, y: scrollY, fields, open };
  try {
    sessionStorage.setItem(name, JSON.stringify(kept));
  } catch { /* no storage: the page loads as any page does */ }
}

/** Puts back what the page before this one has kept, until somebody touches the page. */
export function restore() {
  let kept = null;
  try {
    kept = JSON.parse(sessionStorage.getItem(name));
    sessionStorage.removeItem(name);
  } catch { /* nothing that we wrote */ }
  if (kept?.address !== location.href) return;
  const touched = new AbortController();
  for (const event of ["keydown", "pointerdown", "wheel", "touchstart"]) {
    addEventListener(event, () => touched.abort(), { signal: touched.signal, capture: true });
  }
  for (const ms of attemptsMs) {
    setTimeout(() => touched.signal.aborted || putBack(kept), ms);
  }
}

function putBack({ x, y, fields, open }) {
  const details = new Map(keyed("details"));
  for (const key of open) details.get(key)?.setAttribute("open", "");
  const found = new Map(keyed(typed));
  for (const { key, value, isFocused, caret } of fields) {
    const field = found.get(key);
    if (!field) continue;
    if (field.value !== value) {
      field.value = value;
      field.dispatchEvent(new Event("input", { bubbles: true }));
    }
    if (!isFocused || document.activeElement === field) continue;
    field.focus({ preventScroll: true });
    if (caret && caret[0] !== null) field.setSelectionRange(...caret);
  }
  if (Math.abs(scrollY - y) > 1 || Math.abs(scrollX - x) > 1) {
    scrollTo({ left: x, top: y, behavior: "instant" });
  }
}

/** Elements with keys that the same element has after a reload: what it is in, its name, its place. */
function* keyed(selector) {
  const seen = new Map();
  for (const element of document.querySelectorAll(selector)) {
    const owner = element.closest("[data-id], [id]");
    const form = element.closest("form");
    const base = JSON.stringify([
      owner?.dataset.id ?? owner?.id ?? "", form?.getAttribute("action") ?? "",
      element.getAttribute("name") ?? element.className,
    ]);
    const place = seen.get(base) ?? 0;
    seen.set(base, place + 1);
    yield [`${base} ${place}`, element];
  }
}
