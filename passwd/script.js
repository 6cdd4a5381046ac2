// What the page does better with a script, and leaves out without one: it shows passwords, and compares and counts them while
// they are typed. The page says everything in its own language; the texts are in the attributes of the form.

const form = document.querySelector("form");

if (form) {
  const { curpass, newpass, repeat, show } = form.elements;
  const texts = form.dataset;
  const length = document.getElementById("newpass-length");
  const equal = document.getElementById("repeat-equal");

  const say = (element, text, mood) => {
    if (element.textContent !== text) element.textContent = text; // what has not changed is not read out again
    element.className = mood;
  };

  // Stops the form early, so that nobody has to type all again. The server counts code points, minlength UTF-16 units.
  const check = () => {
    const count = [...newpass.value].length;
    const enough = count >= newpass.minLength;
    say(length, newpass.value && `${texts.length} ${count}`, enough ? "hint good" : "hint");
    newpass.setCustomValidity(newpass.value && !enough ? texts.short : "");

    const same = repeat.value === newpass.value;
    const typing = document.activeElement === repeat && newpass.value.startsWith(repeat.value);
    if (same) say(equal, repeat.value && texts.same, "hint good");
    else say(equal, repeat.value && !typing ? texts.different : "", "error");
    repeat.setCustomValidity(repeat.value && !same ? texts.different : "");
  };

  const reveal = (shown) => {
    show.checked = shown;
    for (const field of [curpass, newpass, repeat]) field.type = shown ? "text" : "password";
  };

  document.getElementById("use").addEventListener("click", () => {
    newpass.value = repeat.value = document.getElementById("suggestion").textContent;
    reveal(true);
    check();
    newpass.focus();
  });
  for (const field of [newpass, repeat]) {
    field.addEventListener("input", check);
    field.addEventListener("blur", () => setTimeout(check)); // once the focus is elsewhere
  }
  // What a program has filled in need not be an input. The key Enter is a click too.
  form.querySelector("[type=submit]").addEventListener("click", check);
  show.addEventListener("change", () => reveal(show.checked));
  form.addEventListener("submit", () => reveal(false)); // browsers remember texts that were sent, and no passwords
  addEventListener("pageshow", () => { reveal(false); check(); }); // also when the browser brings the page back

  for (const element of document.querySelectorAll("[data-script]")) element.hidden = false;
}
