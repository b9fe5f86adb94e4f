// On the page that says that the server is away: looks whether it is back, and goes there. Asks while
// somebody looks, and less and less often; at once when the browser says that the network is back.

const firstMs = 1000;
const longestMs = 30_000;

let pause = firstMs;
let timer = 0;

addEventListener("online", look);
document.addEventListener("visibilitychange", look);
wait();

async function look() {
  clearTimeout(timer);
  if (document.visibilityState === "hidden") return; // looked for again as soon as somebody looks
  try {
    const { ok } = await fetch("/", { method: "HEAD", cache: "no-store" });
    if (ok) return location.replace("/");
  } catch { /* still away */ }
  wait();
}

function wait() {
  clearTimeout(timer);
  // A random part, so that a crowd of pages does not ask in the same moment.
  timer = setTimeout(look, pause * (0.5 + Math.random() / 2));
  pause = Math.min(pause * 2, longestMs);
}
