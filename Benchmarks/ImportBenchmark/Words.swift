/// The vocabulary of the generated products.
enum Words {
    /// 128 different words of at most seven letters: four of them, joined by hyphens, are a SKU of at most 31 bytes.
    static let common = bytes(
        """
        able accept across action adult again agree almost alone among animal answer arm around artist author away \
        baby bag bank best better big bill black blue body book born bring budget build camera car cause chair choice \
        church citizen city claim cold common cost course cup dark degree design dinner doctor dog door dream drive \
        early easy effort end energy event expert eye face family federal field fine fire floor food foot forward free \
        garden girl glass goal great green group hair hand health heart help history hope hotel house image indeed \
        issue job key kind kitchen lay leader legal letter level light list local lose machine market matter measure \
        medical memory mind model moment morning mother music nature network night north number ocean office open \
        order painter paper
        """)
    static let given = bytes(
        """
        Aaron Abigail Adam Alice Amanda Andrew Angela Anna Brenda Brian Bryce Carol Daniel Deborah Dennis Diane Edward \
        Elaine Emily Frank Gary Hannah Jacob Jasmin Karen Laura Marcus Nancy Oliver Patricia Roger Theresa
        """)
    static let family = bytes(
        """
        Aguilar Anderson Baker Barnes Bell Buckley Burch Carter Chapman Cook Davis Edwards Garcia Griffin Huerta Jones \
        Kelly Larson Lopez Mitchell Nelson Owens Perez Reed Rivera Robinson Smith Taylor Torres Walker Wright Young
        """)

    private static func bytes(_ text: String) -> [[UInt8]] { text.split(separator: " ").map { Array($0.utf8) } }
}
