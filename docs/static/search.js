// Sphinx's scores of search results, and ten more for each word of the query that one title has.
var Scorer = {
  score([page, , , , score, , kind]) {
    if (kind === "object") return score;
    const query = new URLSearchParams(location.search).get("q").toLowerCase();
    const words = query.split(/\W+/).filter((word) => word.length > 2).map((word) => word.replace(/s$/, ""));
    const { alltitles, docnames } = Search._index;
    const hits = Object.entries(alltitles)
      .filter(([, places]) => places.some(([file]) => docnames[file] === page))
      .map(([title]) => words.filter((word) => title.toLowerCase().includes(word)).length);
    return score + 10 * Math.max(0, ...hits) - (page.startsWith("decisions/") ? 5 : 0);
  },
  objNameMatch: 11,
  objPartialMatch: 6,
  objPrio: { 0: 15, 1: 5, 2: -5 },
  objPrioDefault: 0,
  title: 15,
  partialTitle: 7,
  term: 5,
  partialTerm: 2,
};
