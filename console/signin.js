// Passkeys (W3C Web Authentication, Level 3): to sign in, to enrol one by a link, to enter the demonstration, to sign out.
"use strict";
(() => {
  const main = document.getElementById("main"), button = document.getElementById("sign"), trouble = document.getElementById("trouble");

  const post = async (path, body) => {
    const r = await fetch(path, { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) });
    const answer = await r.json().catch(() => ({}));
    if (!r.ok) throw Object.assign(new Error(answer.error || r.statusText), { refused: r.status });
    return answer;
  };
  const bytes = (s) => Uint8Array.from(atob(s.replace(/-/g, "+").replace(/_/g, "/")), (c) => c.charCodeAt(0));
  const text = (b) => btoa(String.fromCharCode(...new Uint8Array(b))).replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");
  const descriptors = (list) => (list || []).map((d) => ({ ...d, id: bytes(d.id) }));

  const enrol = async () => {
    const begun = await post("/auth/enrol/begin", { invite: location.hash.slice(1) });
    const o = begun.options.publicKey || begun.options;
    const made = await navigator.credentials.create({ publicKey: { ...o, challenge: bytes(o.challenge), user: { ...o.user, id: bytes(o.user.id) },
      excludeCredentials: descriptors(o.excludeCredentials) } });
    await post("/auth/enrol/finish", { id: made.id, rawId: text(made.rawId), type: made.type, clientExtensionResults: made.getClientExtensionResults(),
      response: { clientDataJSON: text(made.response.clientDataJSON), attestationObject: text(made.response.attestationObject), transports: made.response.getTransports() } });
  };
  const signIn = async () => {
    const begun = await post("/auth/begin", {});
    const o = begun.options.publicKey || begun.options;
    const got = await navigator.credentials.get({ publicKey: { ...o, challenge: bytes(o.challenge), allowCredentials: descriptors(o.allowCredentials) } });
    await post("/auth/finish", { id: got.id, rawId: text(got.rawId), type: got.type, clientExtensionResults: got.getClientExtensionResults(),
      response: { clientDataJSON: text(got.response.clientDataJSON), authenticatorData: text(got.response.authenticatorData),
        signature: text(got.response.signature), userHandle: got.response.userHandle ? text(got.response.userHandle) : null } });
  };
  const demo = () => post("/auth/demo", { token: location.hash.slice(1) });

  if (button) {
    const say = (what) => { trouble.textContent = what; trouble.hidden = false; };
    const does = { in: signIn, enrol, demo }[main.dataset.do];
    if (main.dataset.do !== "in" && location.hash.length < 2) say(trouble.dataset.link);
    else if (main.dataset.do !== "demo" && !window.PublicKeyCredential) say(trouble.dataset.none);
    else button.disabled = false;
    button.addEventListener("click", async () => {
      button.disabled = true;
      trouble.hidden = true;
      try {
        await does();
        location.replace(main.dataset.do === "in" ? main.dataset.to : "/");
      } catch (e) {
        button.disabled = false;
        if (e.refused === 403) say(main.dataset.do === "in" ? trouble.dataset.refused : trouble.dataset.link);
        else say(e.refused ? e.message : trouble.dataset.cancelled);
      }
    });
    if (main.dataset.do === "demo" && !button.disabled) button.click();
  }
  const out = document.getElementById("sign-out");
  if (out) out.addEventListener("click", async () => { await post("/auth/end", {}); location.replace("/sign-in"); });
})();
