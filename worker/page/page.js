// The server writes the page; this only puts its parts in place again when they have changed.
(() => {
  "use strict";
  const live = document.getElementById("live");
  let isBusy = false, isStale = false;

  function say(text, isLost) {
    if (live.textContent !== text) live.textContent = text;
    live.classList.toggle("lost", isLost);
  }

  function put(fresh) {
    document.title = fresh.title;
    for (const part of document.querySelectorAll("[data-live]")) {
      const next = fresh.getElementById(part.id);
      if (!next) continue;
      if (part.className !== next.className) part.className = next.className;
      if (part.innerHTML !== next.innerHTML) part.replaceChildren(...next.childNodes);
    }
  }

  async function refresh() {
    if (isBusy || document.hidden) {
      isStale = true;
      return;
    }
    isBusy = true;
    isStale = false;
    try {
      const answer = await fetch("/", {cache: "no-store"});
      if (!answer.ok) throw new Error(String(answer.status));
      put(new DOMParser().parseFromString(await answer.text(), "text/html"));
      say("live", false);
    } catch {
      say("not connected", true);
    }
    isBusy = false;
    if (isStale) refresh();
  }

  const events = new EventSource("/events");
  events.onopen = refresh;
  events.onmessage = refresh;
  events.onerror = () => say("not connected", true);
  document.addEventListener("visibilitychange", () => {
    if (!document.hidden && isStale) refresh();
  });
})();
