/// Rows in groups that are numbered from 0: two arrays instead of one for each group, of which there are thousands.
struct GroupedRows<Row: Sendable>: Sendable {
    /// Those of the first group, then those of the next.
    private let rows: [Row]
    /// Where each group begins, and where the last one ends.
    private let bounds: [Int32]

    /// Within its group a row comes before those that it precedes.
    init(_ rows: [Row], groups: Int, of group: (Row) -> Int, by precedes: (Row, Row) -> Bool) {
        self.rows = rows.sorted { one, other in
            let (first, second) = (group(one), group(other))
            return first == second ? precedes(one, other) : first < second
        }
        var bounds = [Int32](repeating: 0, count: groups + 1)
        for row in rows { bounds[group(row) + 1] += 1 }
        for index in bounds.indices.dropFirst() { bounds[index] += bounds[index - 1] }
        self.bounds = bounds
    }

    /// Those of a group; none of one that there is not.
    subscript(group: Int) -> ArraySlice<Row> {
        guard group >= 0, group + 1 < bounds.count else { return [] }
        return rows[Int(bounds[group])..<Int(bounds[group + 1])]
    }
}
