// What is nicer with scripts; every page works without them.
document.documentElement.classList.add('js');

// Copies what stands before the button.
document.addEventListener('click', async (event) => {
  const button = event.target.closest('button.copy');
  if (!button) return;
  try {
    await navigator.clipboard.writeText(button.dataset.copy);
    button.setAttribute('aria-label', 'Copied');
    setTimeout(() => button.setAttribute('aria-label', 'Copy'), 1500);
  } catch { /* The browser does not let us; the text can be selected. */ }
});

// A file becomes the base64 text of a field, as the command line would print it.
document.addEventListener('change', async (event) => {
  const input = event.target.closest('input[type="file"][data-base64-into]');
  if (!input || !input.files[0]) return;
  const bytes = new Uint8Array(await input.files[0].arrayBuffer());
  const field = document.getElementById(input.dataset.base64Into);
  if (field) field.value = btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join(''));
});

// A lost server is said, and found again by itself. It is asked for while somebody looks, by what needs no session
// and so keeps none alive.
const asking = 20_000;
const askingAgain = 2_000;
const answers = async () => {
  try {
    const icon = document.querySelector('link[rel="icon"]').href;
    return (await fetch(icon, { cache: 'no-store' })).ok;
  } catch { return false; }
};
const banner = () => document.getElementById('lost');
let again;
const lost = () => {
  if (!banner() || again) return;
  banner().hidden = false;
  again = setInterval(async () => {
    if (!await answers()) return;
    clearInterval(again);
    again = undefined;
    banner().hidden = true;
  }, askingAgain);
};
document.addEventListener('htmx:error', lost);
addEventListener('offline', lost);
setInterval(async () => { if (!document.hidden && !await answers()) lost(); }, asking);
