// Uploads with progress. What is larger than a part goes in parts, which S3 keeps: a transfer that was paused, that lost
// its connection or its page goes on with what is missing. Without this script the form is sent as forms are.
(() => {
  const form = document.querySelector('form[data-upload]');
  if (!form) return;
  const PART = 8 << 20;
  const AT_ONCE = 3;
  const MOST_PARTS = 10000;
  const list = form.querySelector('[data-transfers]');
  const input = form.querySelector('input[type="file"]');
  const value = (name) => form.elements[name]?.value ?? '';
  input.multiple = true;

  // A connection that was lost, which may come back; anything else that goes wrong is final until somebody acts.
  class Lost extends Error {}
  class Stopped extends Error {}

  const pause = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));
  const size = (bytes) => {
    const units = ['bytes', 'KiB', 'MiB', 'GiB', 'TiB'];
    let at = 0;
    while (bytes >= 1024 && at < units.length - 1) { bytes /= 1024; at += 1; }
    return `${at ? bytes.toFixed(1) : bytes} ${units[at]}`;
  };

  // Resolves when the gateway answers again: at once when the browser is back online, else by trying.
  const connected = async (stopped) => {
    for (let wait = 500; !stopped(); wait = Math.min(2 * wait, 10000)) {
      await Promise.race([pause(wait), new Promise((resolve) => addEventListener('online', resolve, { once: true }))]);
      try {
        if ((await fetch('/console/assets/0/mark.svg', { cache: 'no-store' })).ok) return;
      } catch { /* Not yet. */ }
    }
  };

  class Transfer {
    constructor(file, key) {
      Object.assign(this, { file, key, mode: value('mode'), kmsKey: value('kms_key'), customerKey: value('mode') === 'customer' ? value('customer_key') : '' });
      this.requests = new Set();
      this.loaded = new Map();
      this.memory = `sealgate-upload ${form.action} ${key}`;
      this.draw();
    }

    draw() {
      const make = (name, parent, text = '') => {
        const made = parent.appendChild(document.createElement(name));
        made.textContent = text;
        return made;
      };
      this.row = make('li', list);
      const line = make('div', this.row);
      make('b', line, this.file.name);
      make('span', line, size(this.file.size)).className = 'muted';
      this.bar = make('progress', this.row);
      Object.assign(this.bar, { max: 1, value: 0 });
      this.bar.setAttribute('aria-label', `Progress of ${this.file.name}`);
      const foot = make('div', this.row);
      this.status = make('span', foot, 'Waiting');
      this.status.dataset.status = '';
      this.status.setAttribute('role', 'status');
      const button = (text, act) => {
        const made = make('button', foot, text);
        Object.assign(made, { type: 'button', className: 'btn compact' });
        made.setAttribute('aria-label', `${text}: ${this.file.name}`);
        made.addEventListener('click', act);
        return made;
      };
      this.pauseButton = button('Pause', () => this.stop('paused', 'Paused. What was sent is kept.'));
      this.goOnButton = button('Go on', () => { this.state = 'waiting'; this.say('Waiting'); run(); });
      button('Cancel', () => this.cancel());
      this.state = 'waiting';
      this.say('Waiting');
    }

    say(text) {
      this.status.textContent = text;
      this.pauseButton.hidden = !['waiting', 'sending'].includes(this.state);
      this.goOnButton.hidden = !['paused', 'failed'].includes(this.state);
    }

    stop(state, text) {
      this.state = state;
      this.say(text);
      for (const request of this.requests) request.abort();
    }

    async cancel() {
      this.stop('cancelled', '');
      this.row.remove();
      const upload = this.upload ?? this.kept()?.upload;
      localStorage.removeItem(this.memory);
      if (upload) await this.send('/abort', this.fields({ upload })).catch(() => { /* A lifecycle rule may remove it. */ });
    }

    fields(more) {
      const fields = new URLSearchParams({ form_token: value('form_token'), key: this.key, mode: this.mode, kms_key: this.kmsKey });
      for (const [name, text] of Object.entries(more)) fields.set(name, text);
      return fields;
    }

    // Sends a form; the answer, or an error whose words are for a person.
    send(step, body, progress) {
      return new Promise((resolve, reject) => {
        const request = new XMLHttpRequest();
        this.requests.add(request);
        request.addEventListener('loadend', () => this.requests.delete(request));
        request.addEventListener('error', () => reject(new Lost()));
        request.addEventListener('abort', () => reject(new Stopped()));
        if (progress) request.upload.addEventListener('progress', progress);
        request.addEventListener('load', () => {
          const { status } = request;
          if (new URL(request.responseURL).pathname.endsWith('/sign-in')) {
            reject(new Error('Your session has ended. Sign in again and choose the file again: what was sent is kept.'));
          } else if (status >= 200 && status < 300) {
            resolve(request);
          } else if ([502, 503, 504].includes(status)) {
            reject(new Lost());
          } else {
            const page = new DOMParser().parseFromString(request.responseText, 'text/html');
            const words = page.querySelector('[data-problem]')?.textContent.trim() || 'The upload was refused.';
            reject(Object.assign(new Error(words), { status }));
          }
        });
        request.open(body ? 'POST' : 'GET', form.action + step);
        request.setRequestHeader('x-requested-with', 'XMLHttpRequest');
        request.send(body);
      });
    }

    shown() {
      const sent = Math.min([...this.loaded.values()].reduce((sum, bytes) => sum + bytes, 0), this.file.size);
      this.bar.value = this.file.size ? sent / this.file.size : 1;
      if (this.state !== 'sending') return;
      this.say(sent < this.file.size ? `${Math.floor(100 * this.bar.value)} %, ${size(sent)} of ${size(this.file.size)}` : 'Sealing…');
    }

    // A form with the bytes, in the order in which the gateway reads it.
    form(bytes, more) {
      const body = new FormData();
      const fields = this.fields({ customer_key: this.customerKey, ...more });
      for (const [name, text] of fields) body.append(name, text);
      body.append('file', bytes, this.file.name);
      return body;
    }

    async whole(together) {
      this.loaded.clear();
      const progress = (event) => { this.loaded.set(1, Math.min(event.loaded, this.file.size)); this.shown(); };
      return this.send('', this.form(this.file, { together }), progress);
    }

    // What this browser remembers of an upload of this very file that did not come to its end.
    kept() {
      try {
        const kept = JSON.parse(localStorage.getItem(this.memory));
        const same = ['name', 'size', 'lastModified'].every((name) => kept[name] === this.file[name]);
        return same && kept.mode === this.mode && kept.kmsKey === this.kmsKey ? kept : null;
      } catch { return null; }
    }

    async begin() {
      this.loaded.clear();
      const kept = this.kept();
      if (kept) {
        try {
          const query = new URLSearchParams({ key: this.key, upload: kept.upload });
          const { parts } = JSON.parse((await this.send(`?${query}`)).responseText);
          this.upload = kept.upload;
          this.part = kept.part;
          for (const [number, bytes] of parts) if (bytes === this.extent(number).length) this.loaded.set(number, bytes);
          return;
        } catch (error) {
          if (error.status !== 404) throw error;
        }
      }
      const customer = this.customerKey ? { customer_key: this.customerKey } : {};
      const begun = await this.send('/begin', this.fields({ type: this.file.type, ...customer }));
      this.upload = JSON.parse(begun.responseText).upload;
      this.part = Math.max(PART, Math.ceil(this.file.size / MOST_PARTS / (1 << 20)) << 20);
      const { name, size: bytes, lastModified } = this.file;
      const { upload, part, mode, kmsKey } = this;
      localStorage.setItem(this.memory, JSON.stringify({ upload, part, mode, kmsKey, name, size: bytes, lastModified }));
      this.once = crypto.getRandomValues(new Uint32Array(4)).join('-');
    }

    extent(number) {
      const from = (number - 1) * this.part;
      return { from, length: Math.max(0, Math.min(this.part, this.file.size - from)) };
    }

    async inParts(together) {
      await this.begin();
      const missing = [];
      for (let number = 1; this.extent(number).length > 0; number += 1) if (!this.loaded.has(number)) missing.push(number);
      this.shown();
      const worker = async () => {
        for (let number = missing.shift(); number; number = missing.shift()) {
          const { from, length } = this.extent(number);
          const progress = (event) => { this.loaded.set(number, Math.min(event.loaded, length)); this.shown(); };
          try {
            const body = this.form(this.file.slice(from, from + length), { upload: this.upload, number, length });
            await this.send('/part', body, progress);
            this.loaded.set(number, length);
          } catch (error) {
            missing.length = 0;
            this.loaded.delete(number);
            throw error;
          }
        }
      };
      const outcomes = await Promise.allSettled(Array.from({ length: AT_ONCE }, worker));
      const failed = outcomes.find((outcome) => outcome.status === 'rejected');
      if (failed) throw failed.reason;
      this.shown();
      this.once ??= crypto.getRandomValues(new Uint32Array(4)).join('-');
      const fields = this.fields({ upload: this.upload, size: this.file.size, once: this.once, together });
      const done = await this.send('/complete', fields);
      localStorage.removeItem(this.memory);
      return done;
    }

    // To the end, or until somebody pauses or cancels it, or it is refused.
    async run(together) {
      this.state = 'sending';
      this.say('Beginning…');
      while (this.state === 'sending') {
        try {
          const done = await (this.file.size > PART ? this.inParts(together) : this.whole(together));
          this.state = 'done';
          this.say('Stored');
          return done.getResponseHeader('x-place');
        } catch (error) {
          if (error instanceof Stopped || this.state !== 'sending') return null;
          if (!(error instanceof Lost)) { this.stop('failed', error.message); return null; }
          this.say('The connection was lost. It goes on by itself when it is back.');
          await connected(() => this.state !== 'sending');
        }
      }
      return null;
    }
  }

  let transfers = [];
  let running = false;
  // One after the other; when all are there, on to the folder that they are in.
  async function run() {
    if (running) return;
    running = true;
    let place = null;
    for (let next; (next = transfers.find((transfer) => transfer.state === 'waiting'));) {
      const together = transfers.filter((transfer) => transfer.state === 'done').length + 1;
      place = (await next.run(together)) ?? place;
      transfers = transfers.filter((transfer) => transfer.state !== 'cancelled');
    }
    running = false;
    if (place && transfers.every((transfer) => transfer.state === 'done')) location.assign(place);
  }

  form.addEventListener('submit', (event) => {
    event.preventDefault();
    const files = [...input.files];
    const typed = value('key');
    const folder = files.length > 1 && !typed.endsWith('/') ? typed.slice(0, typed.lastIndexOf('/') + 1) : typed;
    for (const transfer of transfers.filter(({ state }) => state === 'failed')) transfer.row.remove();
    transfers = transfers.filter(({ state }) => state !== 'failed');
    for (const file of files) {
      const key = folder === '' || folder.endsWith('/') ? folder + file.name : folder;
      if (!transfers.some((transfer) => transfer.key === key)) transfers.push(new Transfer(file, key));
    }
    input.value = '';
    run();
  });

  // The name of the object follows the file that was chosen, until somebody types another.
  const name = form.elements.key;
  name.addEventListener('input', () => { name.dataset.typed = 'yes'; });
  input.addEventListener('change', () => {
    if (!input.files.length || name.dataset.typed) return;
    name.value = name.dataset.prefix + (input.files.length === 1 ? input.files[0].name : '');
  });

  // Files that are dropped anywhere on the page are chosen.
  const drops = (event) => event.dataTransfer?.types.includes('Files');
  addEventListener('dragover', (event) => {
    if (!drops(event)) return;
    event.preventDefault();
    form.classList.add('dropping');
  });
  addEventListener('dragleave', (event) => { if (!event.relatedTarget) form.classList.remove('dropping'); });
  addEventListener('drop', (event) => {
    if (!drops(event)) return;
    event.preventDefault();
    form.classList.remove('dropping');
    if (!event.dataTransfer.files.length) return;
    input.files = event.dataTransfer.files;
    input.dispatchEvent(new Event('change'));
    form.scrollIntoView({ block: 'nearest' });
  });

  // Uploads of this bucket that this browser began and did not end.
  const unfinished = form.querySelector('[data-unfinished]');
  const waiting = Object.keys(localStorage).filter((memory) => memory.startsWith(`sealgate-upload ${form.action} `));
  if (waiting.length) {
    const names = waiting.map((memory) => memory.slice(`sealgate-upload ${form.action} `.length));
    unfinished.textContent = `Not finished: ${names.join(', ')}. Choose the same file for the same name again, and it goes on with what is missing.`;
  }
})();

// A customer's key, made here and shown once.
document.addEventListener('click', (event) => {
  const button = event.target.closest('button[data-make-key]');
  if (!button) return;
  const field = document.getElementById(button.dataset.makeKey);
  field.value = btoa(String.fromCharCode(...crypto.getRandomValues(new Uint8Array(32))));
  field.type = 'text';
  field.select();
  button.closest('.field').querySelector('[data-save-it]').hidden = false;
});
