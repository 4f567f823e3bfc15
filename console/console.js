// What every page has: times in the reader's own zone and manner, and a question before what cannot be taken back.
"use strict";
(() => {
  const lang = document.documentElement.lang;
  const forms = {
    clock: new Intl.DateTimeFormat(lang, { hour: "2-digit", minute: "2-digit", second: "2-digit", hour12: false }),
    stamp: new Intl.DateTimeFormat(lang, { dateStyle: "medium", timeStyle: "short" }),
    day: new Intl.DateTimeFormat(lang, { dateStyle: "medium" }),
  };
  window.localTimes = (root) => {
    for (const t of root.querySelectorAll("time[datetime]")) t.textContent = forms[t.dataset.form || "clock"].format(new Date(t.dateTime));
  };
  document.addEventListener("submit", (e) => {
    const ask = e.submitter && e.submitter.dataset.ask || e.target.dataset.ask;
    if (ask && !window.confirm(ask)) e.preventDefault();
  });
  window.localTimes(document);
})();
