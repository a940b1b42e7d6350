// Improves pages that work without it: copying, and refreshing only while somebody looks.
"use strict";

for (const button of document.querySelectorAll("button[data-copy]")) {
  if (!navigator.clipboard) break;
  const label = button.textContent;
  button.hidden = false;
  button.addEventListener("click", async () => {
    await navigator.clipboard.writeText(button.dataset.copy);
    button.textContent = button.dataset.copied;
    document.getElementById("told").textContent = button.dataset.copied;
    setTimeout(() => {
      button.textContent = label;
      document.getElementById("told").textContent = "";
    }, 2000);
  });
}

const handOver = document.querySelector("form[data-hand-over]");
if (handOver) {
  // pressed as well, the button would send the same token twice, and the second time is refused
  handOver.querySelector("button").disabled = true;
  handOver.submit();
}

const refreshing = document.querySelector("[data-refresh]");
if (refreshing) {
  setInterval(() => {
    // what somebody has opened to read, or to pass on, is not shut under their eyes
    const reading = document.querySelector("main details[open]");
    if (document.visibilityState === "visible" && !reading) location.reload();
  }, Number(refreshing.dataset.refresh) * 1000);
}
