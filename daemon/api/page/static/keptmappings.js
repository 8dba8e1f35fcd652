// The mappings that are kept for a dataset: what each says, as text to be put into the dataset, and a way to be rid of it.

import { t } from "./language.js";
import { h } from "./preact.mjs";
import { when } from "./words.js";

export const keptMappings = (kept, takeAway) => h("section", { class: "panel", id: "draft-mappings" },
  h("h2", {}, t("Mappings")),
  kept.length === 0 && h("p", { class: "dim" }, t("No mapping is kept. One is made at a job whose file has titles or values that the dataset does not know.")),
  kept.map((mapping) => h("details", { key: mapping.id, open: kept.length === 1 },
    h("summary", {}, said(mapping)),
    h("p", { class: "dim" }, [mapping.made_by, when(mapping.made_at)].filter(Boolean).join(", ")),
    h("pre", { class: "diff", tabindex: "0", role: "region", "aria-label": t("To be put into the dataset") }, mapping.yaml),
    h("p", { class: "actions" },
      h("button", { type: "button", class: "danger", onClick: () => takeAway(mapping) }, t("Take it away"))))));

function said({ titles, columns, values }) {
  const words = [
    ...Object.entries(columns).map(([title, field]) => (field ? `${title} → ${field}` : t("without {title}", { title }))),
    ...Object.values(values).flatMap((one) => Object.entries(one).map(([text, value]) => `${text} → ${value}`)),
  ];
  return words.join(", ") || titles.join(", ");
}
