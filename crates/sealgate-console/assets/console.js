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

// Uploads with progress. The form is sent as it would be without scripts.
document.addEventListener('submit', (event) => {
  const form = event.target.closest('form[data-upload]');
  if (!form || form.dataset.plain) return;
  event.preventDefault();
  const button = event.submitter;
  const status = form.querySelector('[data-status]');
  const bar = form.querySelector('progress');
  const request = new XMLHttpRequest();
  const failed = (text) => {
    status.textContent = text;
    bar.hidden = true;
    if (button) button.disabled = false;
  };
  if (button) button.disabled = true;
  bar.hidden = false;
  status.textContent = 'Uploading…';
  request.upload.addEventListener('progress', (progress) => {
    if (!progress.lengthComputable) return;
    bar.value = progress.loaded / progress.total;
    const percent = Math.floor(100 * bar.value);
    status.textContent = percent < 100 ? `Uploading: ${percent} %` : 'Sealing…';
  });
  request.addEventListener('load', () => {
    if (request.status === 204) { location.assign(request.getResponseHeader('x-place')); return; }
    if (new URL(request.responseURL).pathname.endsWith('/sign-in')) { location.reload(); return; }
    const page = new DOMParser().parseFromString(request.responseText, 'text/html');
    failed(page.querySelector('[data-problem]')?.textContent.trim() || 'The upload was refused.');
  });
  request.addEventListener('error', () => failed('The connection was lost before the upload was complete.'));
  request.open('POST', form.action);
  request.setRequestHeader('x-requested-with', 'XMLHttpRequest');
  request.send(new FormData(form));
});

// The name of the object follows the file that was chosen, until somebody types another.
document.addEventListener('change', (event) => {
  const input = event.target.closest('input[type="file"][data-names]');
  if (!input || !input.files[0]) return;
  const name = document.getElementById(input.dataset.names);
  if (name && !name.dataset.typed) name.value = (name.dataset.prefix || '') + input.files[0].name;
});
document.addEventListener('input', (event) => {
  if (event.target.matches('[data-prefix]')) event.target.dataset.typed = 'yes';
});

// A lost server is said, and found again by itself.
const banner = () => document.getElementById('lost');
const lost = () => {
  if (!banner() || !banner().hidden) return;
  banner().hidden = false;
  const again = setInterval(async () => {
    try {
      const answer = await fetch('/console/assets/0/mark.svg', { cache: 'no-store' });
      if (answer.ok) { clearInterval(again); banner().hidden = true; }
    } catch { /* Not yet. */ }
  }, 2000);
};
document.addEventListener('htmx:error', lost);
addEventListener('offline', lost);
