// The rule for titles, said before anything is sent: the same as in TodoMutator.swift, counted the
// same way (Unicode scalars). Without this file the inputs' `pattern` says it. Nothing that was typed
// or pasted is cut off: who has written too much sees how much, and mends it.

export const titleMax = 500;

/** Returns what is wrong with `title` in words, or null. */
export function problemOfTitle(title) {
  const count = [...title.trim()].length;
  if (count === 0) return "Write a title first.";
  if (count <= titleMax) return null;
  return `The title has ${count} characters, ${count - titleMax} too many: 500 are the most.`;
}

/**
 * Looks at the title of a form that is being sent. Where it is not right, says so below the field.
 * @returns {string|null} the title without the white space around it, or null
 */
export function checkedTitle(form, announcer) {
  const input = form.elements.title;
  const problem = problemOfTitle(input.value);
  showProblem(form, problem);
  if (!problem) return input.value.trim();
  announcer.say(problem);
  input.focus();
  return null;
}

/** Keeps what stands below the field true while somebody types. */
export function watchTitles(root) {
  root.addEventListener("input", ({ target }) => {
    if (!target.matches?.("input[name=title]")) return;
    const problem = problemOfTitle(target.value);
    // An empty field is no mistake as long as nobody sends it.
    showProblem(target.form, target.value.trim() === "" ? null : problem);
  });
  takeOver(root.querySelector(".todo-form"));
}

/** The browser's own bubbles go: they vanish after seconds, and not everybody hears them. */
export function takeOver(form) {
  form.noValidate = true;
}

let hints = 0;

function showProblem(form, problem) {
  const input = form.elements.title;
  let hint = form.querySelector(".field-hint");
  if (!problem) {
    hint?.remove();
    input.removeAttribute("aria-invalid");
    input.removeAttribute("aria-describedby");
    return;
  }
  if (!hint) {
    hint = document.createElement("p");
    hint.className = "field-hint";
    hint.id = `field-hint-${hints += 1}`;
    input.parentElement.append(hint);
    input.setAttribute("aria-describedby", hint.id);
  }
  input.setAttribute("aria-invalid", "true");
  if (hint.textContent !== problem) hint.textContent = problem;
}
