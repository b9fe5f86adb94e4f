// Gathers wishes to render: the first is granted at once, and those that follow within a frame become
// one. A thousand edits that are sent bring thousands of changes, and nobody sees more than a frame
// shows. While nothing changes nothing runs.

const hiddenMs = 250; // a page that nobody sees gets no frames, and its counts still hold

/**
 * Returns a function that asks for `render`, and calls it at most once for each frame.
 * @param {() => void} render
 */
export function oncePerFrame(render) {
  let isDue = false;
  let timer = 0;
  let frame = 0;
  const run = () => {
    isDue = false;
    timer = setTimeout(passed, hiddenMs);
    frame = requestAnimationFrame(passed);
    render();
  };
  const passed = () => {
    clearTimeout(timer);
    cancelAnimationFrame(frame);
    timer = frame = 0;
    if (isDue) run();
  };
  return () => {
    if (timer === 0) run();
    else isDue = true;
  };
}
