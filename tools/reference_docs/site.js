// Search over index.js: every word must begin a word of the entry; case and Vietnamese tone marks do not matter.
(function () {
    var box = document.getElementById("search"), list = document.getElementById("found"), root = box.dataset.root;
    function fold(text) {
        return text.normalize("NFD").replace(/[\u0300-\u036f]/g, "").replace(/[đĐ]/g, "d").toLowerCase();
    }
    var entries = null;
    function show() {
        if (!entries) {
            entries = window.searchIndex.map(function (e) {
                return { title: e[0], where: e[1], link: e[2], text: " " + fold((e[0] + " " + e[3])
                    .replace(/([a-z])([A-Z])/g, "$1 $2 ") + " " + e[0]).replace(/[^a-z0-9]+/g, " ") };
            });
        }
        var words = fold(box.value).split(/[^a-z0-9]+/).filter(Boolean);
        list.textContent = "";
        if (!words.length) return;
        var hits = entries.filter(function (e) {
            return words.every(function (w) { return e.text.indexOf(" " + w) >= 0; });
        });
        hits.sort(function (a, b) { return rank(a) - rank(b); });
        function rank(e) {
            var place = fold(e.title).indexOf(words[0]);
            return place === 0 ? 0 : place > 0 ? 1 : 2;
        }
        hits.slice(0, 12).forEach(function (e) {
            var item = document.createElement("li");
            var link = document.createElement("a");
            var where = document.createElement("small");
            link.href = root + e.link;
            link.textContent = e.title;
            where.textContent = e.where;
            item.append(link, where);
            list.append(item);
        });
        if (!hits.length) { var none = document.createElement("li"); none.textContent = "–"; list.append(none); }
    }
    box.addEventListener("input", show);
    box.addEventListener("keydown", function (event) {
        var first = list.querySelector("a");
        if (event.key === "Enter" && first) location.href = first.href;
    });
})();
