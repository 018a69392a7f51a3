import Testing

@testable import Admin

@Suite struct PageTemplateTests {
    @Test func putsPartsIntoTheFrameAndEscapesValues() throws {
        let page = try PageTemplate(
            "{{$content}}<h1 title=\"{{title}}\">{{title}}</h1>{{/content}}",
            in: "<nav>{{$here}}{{/here}}</nav>{{$content}}{{/content}}<p>{{missing}}</p>")
        #expect(
            page.render(["title": "\"<b>&{{x}}"])
                == "<nav></nav><h1 title=\"&quot;&lt;b&gt;&amp;{{x}}\">&quot;&lt;b&gt;&amp;{{x}}</h1><p></p>")
    }

    @Test(arguments: ["{{$content}}", "{{$content", "{{$content}}{{title{{/content}}", "{{$other}}a{{/other}}"])
    func findsMistakes(_ page: String) {
        #expect(throws: PageTemplate.Mistake.self) { try PageTemplate(page, in: "{{$content}}{{/content}}") }
    }
}
