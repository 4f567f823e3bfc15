// Keeps the overview live. The server renders; this puts in place what it sends (server-sent events), asks for the
// chart every few seconds, and writes times in the reader's own zone.
"use strict";
(() => {
  const $ = (id) => document.getElementById(id);
  const shown = 40;
  let source = null, paused = false, span = new URLSearchParams(location.search).get("span") || "5";
  let suspicious = 0, latest = "";

  // put replaces a part only where it changed, so that nobody loses his selection without need.
  const held = new WeakMap();
  const put = (node, html) => {
    if (held.get(node) === html) return;
    held.set(node, html);
    node.innerHTML = html;
  };

  // prepend puts new entries on top and lets the oldest go.
  const prepend = (list, html, fresh) => {
    if (!html) return;
    const t = document.createElement("template");
    t.innerHTML = html;
    window.localTimes(t.content);
    if (fresh) for (const e of t.content.children) e.classList.add("new");
    list.prepend(t.content);
    while (list.children.length > shown) list.lastElementChild.remove();
  };

  const more = (n) => {
    $("more").hidden = !n;
    $("more").firstElementChild.textContent = "+" + n;
  };

  const connect = () => {
    source = new EventSource("/events");
    source.addEventListener("open", () => { $("live").hidden = false; $("lost").hidden = true; });
    source.addEventListener("error", () => {
      $("live").hidden = true;
      $("lost").hidden = false;
      // A refusal (too many watch, restart) ends the source for good; ask again in a while.
      if (source.readyState === EventSource.CLOSED) setTimeout(() => { if (!paused) connect(); }, 5000);
    });
    source.addEventListener("lists", (e) => {
      const d = JSON.parse(e.data);
      $("stopped").replaceChildren();
      $("all").replaceChildren();
      prepend($("stopped"), d.stopped, false);
      prepend($("all"), d.all, false);
    });
    source.addEventListener("entries", (e) => {
      const d = JSON.parse(e.data);
      prepend($("stopped"), d.stopped, true);
      prepend($("all"), d.all, true);
      more(d.more);
      if (d.stopped) {
        suspicious += (d.stopped.match(/<li class="card/g) || []).length;
        const first = $("stopped").querySelector(".why li");
        latest = first ? first.firstChild.textContent.trim() : "";
      }
    });
    source.addEventListener("now", (e) => {
      const d = JSON.parse(e.data);
      put($("banner"), d.banner);
      put($("now"), d.now);
      put($("system"), d.system);
    });
  };

  const figures = async () => {
    if (paused || document.hidden) return;
    try {
      const r = await fetch("/figures?span=" + encodeURIComponent(span));
      if (!r.ok) return;
      const open = $("columns") && $("columns").open;
      put($("figures"), await r.text());
      if (open && $("columns")) $("columns").open = true;
    } catch { /* the stream says that the connection is lost */ }
  };

  $("figures").addEventListener("click", (e) => {
    const a = e.target.closest("a[data-span]");
    if (!a) return;
    e.preventDefault();
    span = a.dataset.span;
    figures().then(() => { const now = document.querySelector('a[data-span="' + span + '"]'); if (now) now.focus(); });
  });

  $("pause").hidden = false;
  $("pause").addEventListener("click", () => {
    paused = !paused;
    $("pause").textContent = paused ? $("pause").dataset.resume : $("pause").dataset.pause;
    $("pause").setAttribute("aria-pressed", String(paused));
    if (paused) { source.close(); $("live").hidden = true; $("lost").hidden = true; } else connect();
  });

  // A screen reader hears a sum now and then, not every message.
  setInterval(() => {
    if (suspicious > 0) $("spoken").textContent = $("stopped-title").textContent + ": " + suspicious + " (" + $("spoken").dataset.just + "). " + latest;
    suspicious = 0;
  }, 20000);

  connect();
  figures();
  setInterval(figures, 5000);
})();
